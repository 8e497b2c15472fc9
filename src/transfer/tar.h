// Tar streams (pax) to and from entries, by libarchive. Never in a process that has joined a machine: libarchive asks libc for the
// character set, and libc may load what the machine's tree has in that place. Reads and writes; outside.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "transfer/entry.h"

struct archive;

namespace holm::transfer {

// Puts the entries of the stream that `fd` gives into the sink: any tar, also compressed. Devices are left out and counted.
// Errors: Invalid (no tar, a path that leads out); those of the sink.
Result<Skipped> read_tar(int fd, Sink& sink, const std::function<void(std::string_view path)>& looking_at);

// Writes entries as a tar stream; `top` is the name of the first, and stands before the paths of all below it.
class TarWriter : public Sink {
public:
    static Result<std::unique_ptr<TarWriter>> open(int fd, std::string top);
    TarWriter(const TarWriter&) = delete;
    TarWriter& operator=(const TarWriter&) = delete;
    ~TarWriter() override;

    Result<> add(const Entry& entry) override;
    Result<> write(uint64_t offset, std::string_view bytes) override;
    Result<> close_entry() override;
    Result<> finish() override;

private:
    explicit TarWriter(std::string top) : top_(std::move(top)) {}
    Result<> check(int result, const char* what);
    Result<> put(std::string_view bytes);
    Result<> fill_to(uint64_t offset);
    std::string name_of(const std::string& path) const;

    std::string top_;
    archive* archive_ = nullptr;
    uint64_t at_ = 0, size_ = 0;  // of the file that is being written
};

}  // namespace holm::transfer
