#include "kernel/path.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/text.h"

namespace holm::kernel {

namespace {

// openat2(2) says EAGAIN when a rename elsewhere made it unsure of `..` or the root: try again, but not for ever.
constexpr int attempts = 128;

int openat2_raw(int directory, const std::string& path, int flags, unsigned mode, uint64_t resolve)
{
    open_how how{};
    how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
    how.mode = flags & (O_CREAT | O_TMPFILE) ? mode : 0;
    how.resolve = resolve;
    for (int attempt = 0;; ++attempt) {
        long fd = ::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how);
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR) || attempt == attempts) return static_cast<int>(fd);
    }
}

uint64_t resolve_flags(Links links)
{
    return RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (links == Links::Refuse ? RESOLVE_NO_SYMLINKS : 0);
}

struct Split {
    std::string_view folder;  // "" = the root itself
    std::string_view name;
};

Split split_last(std::string_view path)
{
    while (path.ends_with('/')) path.remove_suffix(1);
    size_t at = path.rfind('/');
    if (at == path.npos) return {{}, path};
    return {path.substr(0, at), path.substr(at + 1)};
}

bool is_plain_name(std::string_view name)
{
    return !name.empty() && name != "." && name != "..";
}

}  // namespace

Result<Fd> open_in_root(int root, std::string_view path, int flags, Links links, unsigned mode)
{
    std::string relative(path);
    relative.insert(0, "./");  // "" and "/" are the root too
    Fd fd(openat2_raw(root, relative, flags, mode, resolve_flags(links)));
    if (!fd && errno == ELOOP && links == Links::Refuse)
        return errno_error(ELOOP, "'{}' of the machine's root is reached by a symbolic link, which is refused", printable(path));
    if (!fd) return sys_error("cannot open '{}' of the machine's root", printable(path));
    return fd;
}

Result<Fd> open_source(const std::string& path, int flags)
{
    if (!path.starts_with('/')) return error(Errc::Invalid, "'{}' is not an absolute path", printable(path));
    if (!(flags & O_PATH)) flags |= O_NONBLOCK | O_NOCTTY;  // with O_PATH nothing is opened that could wait
    Fd fd(openat2_raw(AT_FDCWD, path, flags, 0, RESOLVE_NO_MAGICLINKS));
    if (!fd) return sys_error("cannot open '{}'", printable(path));
    return fd;
}

Result<Fd> make_folder_in_root(int root, std::string_view path, Links links, unsigned mode)
{
    auto there = open_in_root(root, path, O_PATH | O_DIRECTORY, links);
    if (there || there.error().sys_errno != ENOENT) return there;
    auto [above, name] = split_last(path);
    if (!is_plain_name(name)) return there;
    Fd parent = TRY(make_folder_in_root(root, above, links, 0755));
    const std::string last(name);
    if (::mkdirat(parent.get(), last.c_str(), mode) && errno != EEXIST)
        return sys_error("cannot create folder '{}' of the machine's root", printable(path));
    return open_in_root(parent.get(), last, O_PATH | O_DIRECTORY, Links::Refuse);  // what dangles here is a link: refused
}

Result<Fd> make_file_in_root(int root, std::string_view path, Links links, unsigned mode)
{
    auto there = open_in_root(root, path, O_PATH, links);
    if (there || there.error().sys_errno != ENOENT) return there;
    auto [above, name] = split_last(path);
    if (!is_plain_name(name)) return there;
    Fd parent = TRY(make_folder_in_root(root, above, links));
    const std::string last(name);
    Fd made(::openat(parent.get(), last.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    if (!made && errno != EEXIST) return sys_error("cannot create file '{}' of the machine's root", printable(path));
    return open_in_root(parent.get(), last, O_PATH, Links::Refuse);
}

Result<std::string> read_regular(int fd, std::string_view what, size_t limit)
{
    struct stat status;
    if (::fstat(fd, &status)) return sys_error("cannot look at '{}'", printable(what));
    if (!S_ISREG(status.st_mode)) return error(Errc::Invalid, "'{}' is not a regular file", printable(what));
    if (static_cast<uint64_t>(status.st_size) > limit) return error(Errc::Invalid, "'{}' is larger than {} bytes", printable(what), limit);
    auto content = read_all(fd, limit);
    if (!content) return with_context(content.error(), fmt::format("'{}'", printable(what)));
    return content;
}

Result<std::string> read_in_root(int root, std::string_view path, size_t limit)
{
    Fd fd = TRY(open_in_root(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, Links::Inside));
    return read_regular(fd.get(), path, limit);
}

Result<Fd> open_own_attribute(std::string_view name)
{
    Fd proc = TRY(open_file("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW));
    struct statfs status;
    if (::fstatfs(proc.get(), &status)) return sys_error("cannot look at '/proc'");
    if (status.f_type != PROC_SUPER_MAGIC) return error(Errc::Failed, "'/proc' is not the kernel's");
    const std::string path = fmt::format("thread-self/attr/{}", name);
    Fd file(openat2_raw(proc.get(), path, O_WRONLY, 0, RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS));
    if (!file) return sys_error("cannot open '/proc/{}'", path);
    return file;
}

std::string path_of_descriptor(int fd)
{
    return fmt::format("/proc/self/fd/{}", fd);
}

}  // namespace holm::kernel
