// Fd: the owner of a file descriptor, and reading and writing through one. Every descriptor of holm is O_CLOEXEC.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace holm {

class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept
    {
        if (this != &other) {
            reset();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }
    ~Fd() { reset(); }

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    int release() { return std::exchange(fd_, -1); }
    void reset();

private:
    int fd_ = -1;
};

// open(2) with O_CLOEXEC added. For paths that nobody but root can influence.
Result<Fd> open_file(const std::string& path, int flags, unsigned mode = 0);
// openat(2) with O_CLOEXEC added.
Result<Fd> open_at(int directory, const std::string& name, int flags, unsigned mode = 0);
// A second descriptor of the same open file, with CLOEXEC.
Result<Fd> duplicate(int fd);

// All of what `fd` gives until end of file. Errors: Invalid when it is more than `limit` bytes.
Result<std::string> read_all(int fd, size_t limit);
// The content of a file of at most `limit` bytes. It may wait: of a pipe that the user named, for its writer.
Result<std::string> read_file(const std::string& path, size_t limit = 1 << 20);
// The same of a regular file; a fifo, device or folder in its place is refused without waiting for it.
Result<std::string> read_regular_file(const std::string& path, size_t limit = 1 << 20);
// Writes all bytes, over short writes and EINTR.
Result<> write_all(int fd, std::string_view bytes);
// Writes a file of /proc or cgroupfs in one write(2).
Result<> write_value(const std::string& path, std::string_view value);
// Whether it is to be there after a power cut.
enum class Durable { No, Yes };
// Replaces a file as one step: write to a temporary beside it, fsync, rename, fsync of the folder. Without the two fsyncs a power
// cut can leave the old, the new, none or an empty one.
Result<> replace_file(const std::string& path, std::string_view content, unsigned mode = 0644, Durable durable = Durable::Yes);
// mkdir -p for paths that nobody but root can influence; an existing folder is left as it is.
Result<> make_folders(const std::string& path, unsigned mode = 0755);

struct Pair {
    Fd first;
    Fd second;
};
Result<Pair> make_pipe();
// A connected pair of AF_UNIX SOCK_SEQPACKET sockets.
Result<Pair> make_socket_pair();

}  // namespace holm
