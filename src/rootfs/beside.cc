#include "rootfs/beside.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/text.h"
#include "base/undo.h"
#include "kernel/subvolume.h"
#include "rootfs/copy_tree.h"
#include "rootfs/descent.h"
#include "rootfs/remove.h"

namespace holm::rootfs {

namespace {

constexpr std::string_view half = ".half-", gone = ".gone-";
constexpr size_t digits = 16;
constexpr unsigned most_attempts = 8;

// ".web.half-0123456789abcdef"
Result<std::string> draw_name(const std::string& name, std::string_view mark)
{
    uint64_t number = 0;
    if (::getrandom(&number, sizeof number, 0) != sizeof number) return sys_error("cannot draw a name");
    return fmt::format(".{}{}{:016x}", name, mark, number);
}

bool is_drawn(std::string_view name)
{
    if (!name.starts_with('.') || name.size() <= digits) return false;
    const std::string_view number = name.substr(name.size() - digits), before = name.substr(0, name.size() - digits);
    return number.find_first_not_of("0123456789abcdef") == number.npos && (before.ends_with(half) || before.ends_with(gone));
}

// Empty: somebody works on it.
Result<Fd> lock_folder(int folder, const std::string& name)
{
    Fd opened = TRY(open_at(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    if (::flock(opened.get(), LOCK_EX | LOCK_NB) == 0) return opened;
    return errno == EWOULDBLOCK ? Result<Fd>(Fd()) : Result<Fd>(sys_error("cannot lock '{}'", printable(name)));
}

struct Half {
    std::string name;
    Fd folder;
};

// Made again where somebody who cleans up took it for litter before it was locked.
Result<Half> make_half(int folder, const std::string& to)
{
    for (unsigned attempt = 1;; ++attempt) {
        std::string name = TRY(draw_name(to, half));
        if (::mkdirat(folder, name.c_str(), 0700)) return sys_error("cannot make '{}'", name);
        auto locked = lock_folder(folder, name);
        struct stat status;
        if (locked && *locked && ::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0)
            return Half{.name = std::move(name), .folder = std::move(*locked)};
        if (attempt == most_attempts) return error(Errc::Busy, "'{}' was removed while it was made", name);
    }
}

Result<> sync(int folder)
{
    Fd own = TRY(open_at(folder, ".", O_RDONLY | O_DIRECTORY));
    return ::fsync(own.get()) ? Result<>(sys_error("cannot sync a folder")) : Result<>();
}

}  // namespace

Result<> copy_beside(int folder, const std::string& name, const std::string& to)
{
    Fd from = TRY(open_at(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), name);
    if (kernel::is_subvolume(from.get())) {
        Fd own = TRY(open_at(folder, ".", O_RDONLY | O_DIRECTORY));
        return kernel::snapshot_subvolume(from.get(), own.get(), to);
    }
    const Half made = TRY(make_half(folder, to));
    Undo removal([&] { static_cast<void>(remove_tree(folder, made.name)); });
    TRY(copy_tree(from.get(), made.folder.get(), {}));
    if (::renameat2(folder, made.name.c_str(), folder, to.c_str(), RENAME_NOREPLACE)) return sys_error("cannot name the copy '{}'", to);
    removal.keep();
    return sync(folder);
}

Result<> remove_beside(int folder, const std::string& name)
{
    const std::string away = TRY(draw_name(name, gone));
    auto lock = lock_folder(folder, name);  // of a folder: a file goes at once
    if (!lock && lock.error().sys_errno != ENOENT && lock.error().sys_errno != ENOTDIR && lock.error().sys_errno != ELOOP)
        return lock.error();
    if (::renameat(folder, name.c_str(), folder, away.c_str())) {
        if (errno == ENOENT) return {};
        return sys_error("cannot remove '{}'", name);
    }
    TRY(sync(folder));
    return remove_tree(folder, away);
}

Result<> remove_unfinished(int folder)
{
    Fd own = TRY(open_at(folder, ".", O_RDONLY | O_DIRECTORY));
    Result<> result;
    for (const std::string& name : TRY(list_names(own.get()))) {
        if (!is_drawn(name)) continue;
        auto lock = lock_folder(folder, name);
        if (lock && !*lock) continue;
        if (auto removed = remove_tree(folder, name); !removed) result = removed;
    }
    return result;
}

}  // namespace holm::rootfs
