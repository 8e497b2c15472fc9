#include "rootfs/remove.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string_view>

#include "base/fd.h"
#include "base/handle.h"
#include "base/text.h"
#include "rootfs/file_status.h"

namespace holm::rootfs {

namespace {

using Listing = Handle<DIR, closedir>;

// How often the top is gone through without its becoming empty: each pass takes a level away, or somebody is adding.
constexpr unsigned most_passes = 1 << 20;

Result<Listing> list(int folder)
{
    Fd own = TRY(open_at(folder, ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    Listing listing(fdopendir(own.get()));
    if (!listing) return sys_error("cannot list a folder");
    own.release();
    return listing;
}

// How often a folder may have become a file between two looks.
constexpr unsigned most_swaps = 1000;

enum class Gone { Yes, NotEmpty };

// Removes a file or an empty folder.
Result<Gone> remove_one(int folder, const char* name)
{
    for (unsigned attempt = 0; attempt < most_swaps; ++attempt) {
        if (unlinkat(folder, name, 0) == 0 || errno == ENOENT) return Gone::Yes;
        if (errno != EISDIR) return sys_error("cannot remove '{}'", printable(name));
        if (unlinkat(folder, name, AT_REMOVEDIR) == 0 || errno == ENOENT) return Gone::Yes;
        if (errno == ENOTEMPTY || errno == EEXIST) return Gone::NotEmpty;
        if (errno != ENOTDIR) return sys_error("cannot remove '{}'", printable(name));
    }
    return error(Errc::Busy, "cannot remove '{}': it is swapped as fast as it is looked at", printable(name));
}

class Emptying {
public:
    Emptying(int top, uint64_t mount) : top_(top), mount_(mount) {}

    Result<> run()
    {
        for (unsigned pass = 0; pass < most_passes; ++pass)
            if (TRY(one_pass())) return {};
        return error(Errc::Busy, "content comes as fast as it is removed");
    }

private:
    // Whether the top was found empty.
    Result<bool> one_pass()
    {
        Listing listing = TRY(list(top_));
        bool empty = true;
        while (const dirent* entry = readdir(listing.get())) {
            if (is_dots(entry->d_name)) continue;
            empty = false;
            if (TRY(remove_one(top_, entry->d_name)) == Gone::NotEmpty) TRY(empty_child(entry->d_name));
        }
        return empty;
    }

    // Removes what is in a folder of the top; a folder in it that is not empty becomes one of the top.
    Result<> empty_child(const char* name)
    {
        auto opened = open_at(top_, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (!opened) return opened.error().sys_errno == ENOENT || opened.error().sys_errno == ENOTDIR ? Result<>() : opened.error();
        Fd child = std::move(*opened);
        if (TRY(observe_status(child.get())).mount != mount_) return error(Errc::Busy, "something is mounted on '{}'", printable(name));
        Listing listing = TRY(list(child.get()));
        while (const dirent* entry = readdir(listing.get()))
            if (!is_dots(entry->d_name) && TRY(remove_one(child.get(), entry->d_name)) == Gone::NotEmpty)
                TRY(move_up(child.get(), entry->d_name));
        TRY(remove_one(top_, name));
        return {};
    }

    Result<> move_up(int folder, const char* name)
    {
        for (;;) {
            std::string free_name = fmt::format("holm-removed-{}", moved_++);
            if (renameat2(folder, name, top_, free_name.c_str(), RENAME_NOREPLACE) == 0 || errno == ENOENT) return {};
            if (errno != EEXIST) return sys_error("cannot move '{}' to remove it", printable(name));
        }
    }

    static bool is_dots(std::string_view name) { return name == "." || name == ".."; }

    int top_;
    uint64_t mount_;
    uint64_t moved_ = 0;
};

}  // namespace

Result<> empty_folder(int folder)
{
    FileStatus status = TRY(observe_status(folder));
    return Emptying(folder, status.mount).run();
}

// Between the last look into it and its own removal somebody may put something into it: then it is emptied once more.
Result<> remove_tree(int parent, const std::string& name)
{
    for (unsigned attempt = 0; attempt < most_swaps; ++attempt) {
        if (TRY(remove_one(parent, name.c_str())) == Gone::Yes) return {};
        auto folder = open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (!folder && (folder.error().sys_errno == ENOENT || folder.error().sys_errno == ENOTDIR)) continue;
        if (!folder) return folder.error();
        if (TRY(observe_status(folder->get())).mount != TRY(observe_status(parent)).mount)
            return error(Errc::Busy, "something is mounted on '{}'", printable(name));
        TRY(empty_folder(folder->get()), fmt::format("cannot empty '{}'", printable(name)));
    }
    return error(Errc::Busy, "cannot remove '{}': content comes as fast as it is removed", printable(name));
}

}  // namespace holm::rootfs
