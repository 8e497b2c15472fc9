#include "kernel/lock_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

namespace holm::kernel {

namespace {

constexpr size_t max_holder = 4096;
// Who takes the file of a shared lock away holds it alone for a moment.
constexpr unsigned shared_attempts = 20;
constexpr useconds_t shared_pause = 1000;

Result<bool> lock_whole(int file, Sharing sharing)
{
    struct flock whole{};
    whole.l_type = sharing == Sharing::Shared ? F_RDLCK : F_WRLCK;
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

// The first line: holders that share it may have written over each other.
std::string read_holder(int file)
{
    auto holder = read_all(file, max_holder);
    return holder ? std::string(trim(std::string_view(*holder).substr(0, holder->find('\n')))) : std::string();
}

bool is_shared(int file)
{
    struct flock whole{};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    return !::fcntl(file, F_OFD_GETLK, &whole) && whole.l_type == F_RDLCK;
}

Error in_use(int file, std::string_view what)
{
    const bool shared = is_shared(file);
    const std::string other = read_holder(file);
    if (other.empty()) return error(Errc::Busy, "{} is in use by another program", what);
    if (shared) return error(Errc::Busy, "{} is shared by machines that run, last taken by machine '{}'", what, printable(other));
    return error(Errc::Busy, "{} is in use by machine '{}'", what, printable(other));
}

}  // namespace

Result<Fd> take_lock_file(const std::string& path, std::string_view holder, std::string_view what, Sharing sharing)
{
    for (unsigned attempt = 1;; ++attempt) {
        Fd lock = TRY(open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600));
        if (!TRY(lock_whole(lock.get(), sharing), path)) {
            if (sharing == Sharing::Alone || attempt >= shared_attempts) return in_use(lock.get(), what);
            ::usleep(shared_pause);
            continue;
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
    auto alone = lock_whole(file, Sharing::Alone);
    if (alone && *alone && is_still(path, file)) ::unlink(path.c_str());
}

void remove_stale_lock_file(const std::string& path, const std::function<bool(std::string_view holder)>& is_holder)
{
    auto lock = open_file(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    if (lock && is_holder(read_holder(lock->get()))) remove_lock_file(path, lock->get());
}

}  // namespace holm::kernel
