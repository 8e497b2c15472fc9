#include "image/expand.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include <archive.h>
#include <archive_entry.h>

#include "base/handle.h"
#include "base/text.h"

namespace holm::image {

namespace {

constexpr size_t piece = 256 << 10, block = 4096;
constexpr uint64_t progress_step = 4 << 20, largest_image = uint64_t{1} << 46;
using namespace std::string_view_literals;
constexpr auto magics = std::to_array<std::string_view>({"\x1f\x8b"sv,
                                                         "\xfd"
                                                         "7zXZ\0"sv,
                                                         "\x28\xb5\x2f\xfd"sv, "BZh"sv});

class Expansion {
public:
    explicit Expansion(const ExpandInput& input) : input_(input), archive_(archive_read_new()), buffer_(piece, '\0') {}

    Result<> run()
    {
        if (!archive_) return error(Errc::Failed, "there is no memory to read the disk image");
        for (auto support : {archive_read_support_filter_gzip, archive_read_support_filter_bzip2, archive_read_support_filter_xz,
                             archive_read_support_filter_zstd, archive_read_support_format_raw, archive_read_support_format_empty})
            if (support(archive_.get()) != ARCHIVE_OK) return failure();
        if (archive_read_open(archive_.get(), this, nullptr, read_input, nullptr) != ARCHIVE_OK) return failure();
        archive_entry* whole = nullptr;
        const int first = archive_read_next_header(archive_.get(), &whole);
        if (first == ARCHIVE_EOF) return error(Errc::Invalid, "the disk image is empty");
        if (first != ARCHIVE_OK) return failure();
        while (TRY(copy_block())) {}
        if (::ftruncate(input_.output, static_cast<off_t>(end_))) return sys_error("cannot write the disk image");
        return {};
    }

private:
    static ssize_t read_input(struct archive*, void* self, const void** bytes) noexcept
    {
        auto& expansion = *static_cast<Expansion*>(self);
        ssize_t size;
        do size = ::read(expansion.input_.input, expansion.buffer_.data(), expansion.buffer_.size());
        while (size < 0 && errno == EINTR);
        if (size < 0) expansion.error_ = sys_error("cannot read the disk image");
        if (size <= 0) return size;
        *bytes = expansion.buffer_.data();
        expansion.read_ += static_cast<uint64_t>(size);
        return size;
    }

    Error failure() const
    {
        if (error_) return *error_;
        const char* text = archive_error_string(archive_.get());
        return error(Errc::Invalid, "the disk image is damaged: {}", text ? printable(text) : "it ends too early");
    }

    // False at the end.
    Result<bool> copy_block()
    {
        const void* bytes = nullptr;
        size_t size = 0;
        la_int64_t offset = 0;
        const int result = archive_read_data_block(archive_.get(), &bytes, &size, &offset);
        if (result == ARCHIVE_EOF) return false;
        if (result != ARCHIVE_OK) return failure();
        end_ += size;
        if (end_ > largest_image) return error(Errc::Invalid, "the disk image unpacks to more than {} TiB", largest_image >> 40);
        TRY(write({static_cast<const char*>(bytes), size}, end_ - size));
        if (input_.progress && read_ >= told_ + progress_step) input_.progress(told_ = read_);
        return true;
    }

    Result<> write(std::string_view bytes, uint64_t at)
    {
        while (!bytes.empty()) {
            const std::string_view next = bytes.substr(0, block - at % block);
            if (next.find_first_not_of('\0') != next.npos) TRY(write_all(next, at));
            at += next.size();
            bytes.remove_prefix(next.size());
        }
        return {};
    }

    Result<> write_all(std::string_view bytes, uint64_t at)
    {
        written_ += bytes.size();
        if (written_ > input_.most_bytes)
            return error(Errc::Failed, "the disk image has more than the {} MiB that are left on the file system of the image store",
                         input_.most_bytes >> 20);
        while (!bytes.empty()) {
            const ssize_t size = ::pwrite(input_.output, bytes.data(), bytes.size(), static_cast<off_t>(at));
            if (size < 0 && errno == EINTR) continue;
            if (size < 0) return sys_error("cannot write the disk image");
            at += static_cast<uint64_t>(size);
            bytes.remove_prefix(static_cast<size_t>(size));
        }
        return {};
    }

    const ExpandInput& input_;
    Handle<struct archive, archive_read_free> archive_;
    std::string buffer_;
    std::optional<Error> error_;  // of the callback
    uint64_t read_ = 0, told_ = 0, end_ = 0, written_ = 0;
};

}  // namespace

bool is_compressed(int file)
{
    std::array<char, 8> first{};
    const ssize_t size = ::pread(file, first.data(), first.size(), 0);
    const std::string_view begin(first.data(), size > 0 ? static_cast<size_t>(size) : 0);
    return std::ranges::any_of(magics, [&](std::string_view magic) { return begin.starts_with(magic); });
}

Result<> expand(const ExpandInput& input)
{
    return Expansion(input).run();
}

}  // namespace holm::image
