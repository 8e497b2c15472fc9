#include "setup/locks.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/text.h"
#include "kernel/path.h"

namespace holm::setup {

namespace {

constexpr size_t max_holder = 4096;

// "8:1:131073": the same for every path to a folder.
Result<std::string> lock_name(const std::string& path)
{
    Fd folder = TRY(kernel::open_source(path, O_PATH));
    struct stat status;
    if (::fstat(folder.get(), &status)) return sys_error("cannot look at '{}'", printable(path));
    return fmt::format("{}:{}:{}", major(status.st_dev), minor(status.st_dev), status.st_ino);
}

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
    return !::stat(path.c_str(), &by_path) && !::fstat(file, &by_file) && by_path.st_dev == by_file.st_dev &&
           by_path.st_ino == by_file.st_ino;
}

std::string describe_holder(int file)
{
    auto holder = read_all(file, max_holder);
    std::string_view name = holder ? trim(*holder) : std::string_view();
    return name.empty() ? "by another program" : fmt::format("by machine '{}'", printable(name));
}

// The locked file; Busy where somebody else has it.
Result<Fd> take_lock(const std::string& file, std::string_view what, const launch::Plan& plan)
{
    for (;;) {
        Fd lock = TRY(open_file(file, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
        if (!TRY(lock_exclusively(lock.get()), file)) return error(Errc::Busy, "{} is in use {}", what, describe_holder(lock.get()));
        if (!is_still(file, lock.get())) continue;
        const std::string name = plan.name.text() + "\n";
        if (::ftruncate(lock.get(), 0) || ::pwrite(lock.get(), name.data(), name.size(), 0) < 0)
            return sys_error("cannot write '{}'", file);
        return lock;
    }
}

Result<> send_lock(Status& status, const std::string& file, int lock)
{
    return status.send(kernel::Message("lock").add("path", file), {lock});
}

}  // namespace

Result<> take_locks(const launch::Plan& plan, Status& status)
{
    TRY(make_folders(lock_folder, 0700));
    for (auto& path : plan.locked_paths) {
        const std::string file = fmt::format("{}/{}", lock_folder, TRY(lock_name(path)));
        Fd lock = TRY(take_lock(file, fmt::format("'{}'", printable(path)), plan));
        TRY(send_lock(status, file, lock.get()));
    }
    if (plan.range_lock.empty()) return {};
    TRY(make_folders(plan.range_lock.substr(0, plan.range_lock.rfind('/'))));
    Fd lock = TRY(take_lock(plan.range_lock, fmt::format("the id range {} of machine '{}'", plan.rootfs.ids.base, plan.name.text()), plan));
    return send_lock(status, plan.range_lock, lock.get());
}

}  // namespace holm::setup
