#include "base/fd.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace holm {

void Fd::reset()
{
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Result<Fd> open_file(const std::string& path, int flags, unsigned mode)
{
    return open_at(AT_FDCWD, path, flags, mode);
}

Result<Fd> open_at(int directory, const std::string& name, int flags, unsigned mode)
{
    Fd fd(::openat(directory, name.c_str(), flags | O_CLOEXEC, mode));
    if (!fd) return sys_error("cannot open '{}'", name);
    return fd;
}

Result<Fd> duplicate(int fd)
{
    Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!copy) return sys_error("cannot duplicate a descriptor");
    return copy;
}

Result<std::string> read_all(int fd, size_t limit)
{
    std::string content;
    while (content.size() <= limit) {
        // Most files are small, and a large buffer costs more than they do.
        size_t old = content.size(), step = std::min<size_t>(limit + 1 - old, std::clamp<size_t>(old, 4 << 10, 64 << 10));
        content.resize(old + step);
        ssize_t n = ::read(fd, content.data() + old, step);
        if (n < 0 && errno == EINTR) n = 0, content.resize(old);
        else if (n < 0) return sys_error("cannot read");
        else {
            content.resize(old + static_cast<size_t>(n));
            if (n == 0) return content;
        }
    }
    return error(Errc::Invalid, "is larger than {} bytes", limit);
}

Result<std::string> read_file(const std::string& path, size_t limit)
{
    Fd fd = TRY(open_file(path, O_RDONLY));
    auto content = read_all(fd.get(), limit);
    if (!content) return with_context(content.error(), fmt::format("'{}'", path));
    return content;
}

Result<std::string> read_regular_file(const std::string& path, size_t limit)
{
    Fd fd = TRY(open_file(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
    struct stat status;
    if (::fstat(fd.get(), &status)) return sys_error("cannot look at '{}'", path);
    if (!S_ISREG(status.st_mode)) return error(Errc::Invalid, "'{}' is not a regular file", path);
    auto content = read_all(fd.get(), limit);
    if (!content) return with_context(content.error(), fmt::format("'{}'", path));
    return content;
}

Result<> write_all(int fd, std::string_view bytes)
{
    while (!bytes.empty()) {
        ssize_t n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return sys_error("cannot write");
        bytes.remove_prefix(static_cast<size_t>(n));
    }
    return {};
}

Result<> write_value(const std::string& path, std::string_view value)
{
    Fd fd = TRY(open_file(path, O_WRONLY));
    ssize_t n = ::write(fd.get(), value.data(), value.size());
    if (n != static_cast<ssize_t>(value.size())) return sys_error("cannot write '{}' to '{}'", value, path);
    return {};
}

Result<> replace_file(const std::string& path, std::string_view content, unsigned mode, Durable durable)
{
    const std::string folder = path.substr(0, path.rfind('/')), temporary = path + ".new";
    auto write = [&]() -> Result<> {
        Fd fd = TRY(open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK, 0600));
        TRY(write_all(fd.get(), content));
        if (::fchmod(fd.get(), mode) || (durable == Durable::Yes && ::fsync(fd.get()))) return sys_error("cannot write");
        if (::rename(temporary.c_str(), path.c_str())) return sys_error("cannot rename");
        return {};
    };
    if (auto done = write(); !done) {
        ::unlink(temporary.c_str());
        return with_context(done.error(), fmt::format("cannot replace '{}'", path));
    }
    if (durable == Durable::No) return {};
    if (Fd directory{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)}) ::fsync(directory.get());
    return {};
}

Result<> make_folders(const std::string& path, unsigned mode)
{
    for (size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
        const std::string part = path.substr(0, at);
        if (::mkdir(part.c_str(), at == std::string::npos ? mode : 0755) && errno != EEXIST)
            return sys_error("cannot create folder '{}'", part);
        if (at == std::string::npos) return {};
    }
}

Result<Pair> make_pipe()
{
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC)) return sys_error("cannot make a pipe");
    return Pair{Fd(fds[0]), Fd(fds[1])};
}

Result<Pair> make_socket_pair()
{
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds)) return sys_error("cannot make a socket pair");
    return Pair{Fd(fds[0]), Fd(fds[1])};
}

}  // namespace holm
