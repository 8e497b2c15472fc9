#include "kernel/lock_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

namespace holm::kernel {

namespace {

constexpr size_t max_holder = 4096;

Result<bool> lock_exclusively(int file)
{
    struct flock whole{};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    if (!::fcntl(file, F_OFD_SETLK, &whole)) return true;
    if (errno == EAGAIN || errno == EACCES) return false;
    return sys_error("cannot lock");
}

// Whether `path` still names that file: who unlinks a lock holds it, so what is locked and still there stays.
bool is_still(const std::string& path, int file)
{
    struct stat by_path, by_file;
    return !::lstat(path.c_str(), &by_path) && !::fstat(file, &by_file) && by_path.st_dev == by_file.st_dev &&
           by_path.st_ino == by_file.st_ino;
}

std::string read_holder(int file)
{
    auto holder = read_all(file, max_holder);
    return holder ? std::string(trim(*holder)) : std::string();
}

}  // namespace

Result<Fd> take_lock_file(const std::string& path, std::string_view holder, std::string_view what)
{
    for (;;) {
        Fd lock = TRY(open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
        if (!TRY(lock_exclusively(lock.get()), path)) {
            const std::string other = read_holder(lock.get());
            if (other.empty()) return error(Errc::Busy, "{} is in use by another program", what);
            return error(Errc::Busy, "{} is in use by machine '{}'", what, printable(other));
        }
        if (!is_still(path, lock.get())) continue;
        const std::string line = fmt::format("{}\n", holder);
        if (::ftruncate(lock.get(), 0) || ::pwrite(lock.get(), line.data(), line.size(), 0) < 0)
            return sys_error("cannot write '{}'", path);
        return lock;
    }
}

void remove_lock_file(const std::string& path, int file)
{
    if (is_still(path, file)) ::unlink(path.c_str());
}

void remove_stale_lock_file(const std::string& path, std::string_view holder)
{
    auto lock = open_file(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    if (!lock || read_holder(lock->get()) != holder) return;
    if (auto locked = lock_exclusively(lock->get()); locked && *locked) remove_lock_file(path, lock->get());
}

}  // namespace holm::kernel
