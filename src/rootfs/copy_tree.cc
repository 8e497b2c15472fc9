#include "rootfs/copy_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <climits>
#include <map>
#include <utility>

#include "base/text.h"
#include "base/undo.h"
#include "kernel/attributes.h"
#include "kernel/mount.h"
#include "kernel/path.h"
#include "rootfs/copy_file.h"
#include "rootfs/descent.h"

namespace holm::rootfs {

namespace {

constexpr size_t from_tree = 0, to_tree = 1;

constexpr uint64_t progress_step = 16 << 20;  // bytes of content

// All but what overlayfs notes of a file that it has copied up from a layer: true of that layer and of that upper alone.
bool is_no_note(std::string_view attribute)
{
    return !attribute.starts_with("trusted.overlay.") || attribute == "trusted.overlay.opaque";
}

bool is_left_out(const struct stat& status, CopyRules::Devices devices)
{
    if (S_ISSOCK(status.st_mode)) return devices != CopyRules::Devices::All;
    if (!S_ISCHR(status.st_mode) && !S_ISBLK(status.st_mode)) return false;
    const bool whiteout = S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0);
    return devices == CopyRules::Devices::None || (devices == CopyRules::Devices::Whiteouts && !whiteout);
}

class Copying {
public:
    Copying(Descent& descent, const CopyProgress& progress, const CopyRules& rules)
        : descent_(descent), progress_(progress), rules_(rules), keeps_(rules.keeps ? rules.keeps : is_no_note)
    {
    }

    Result<Copied> run()
    {
        pending_.push_back(TRY(list_names(from())));
        while (!pending_.empty()) {
            if (pending_.back().empty()) {
                pending_.pop_back();
                TRY(finish_folder());
                if (!pending_.empty()) TRY(descent_.leave());
                name_place();
                continue;
            }
            const std::string name = std::move(pending_.back().back());
            pending_.back().pop_back();
            const unsigned depth = descent_.depth();
            auto done = copy_one(name);
            if (!done) return with_context(done.error(), fmt::format("cannot copy '{}/{}'", printable(path_, 1024), printable(name)));
            if (descent_.depth() > depth) name_place();
        }
        return copied_;
    }

private:
    int from() const { return descent_.here(from_tree); }
    int to() const { return descent_.here(to_tree); }

    void name_place() { path_ = descent_.depth() > 100 ? "…" : descent_.path(); }

    // What is not a folder is whole then; a folder is gone into.
    Result<> copy_one(const std::string& name)
    {
        struct stat status;
        if (::fstatat(from(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW)) return sys_error("cannot look at it");
        if (is_left_out(status, rules_.devices)) {
            copied_.devices += S_ISSOCK(status.st_mode) ? 0 : 1;
            return {};
        }
        if (++copied_.files % 256 == 0) TRY(tell());
        if (S_ISDIR(status.st_mode)) {
            if (::mkdirat(to(), name.c_str(), 0700)) return sys_error("cannot make the folder");
            TRY(descent_.enter(name, {true, true}));
            pending_.push_back(TRY(list_names(from())));
            return {};
        }
        if (status.st_nlink > 1 && TRY(link_to_copy(name, status))) return {};
        TRY(make(name, status));
        TRY(dress(name, status));
        return {};
    }

    Result<> tell()
    {
        told_ = copied_.bytes;
        return progress_ ? progress_(path_, copied_) : Result<>();
    }

    Result<> make(const std::string& name, const struct stat& status)
    {
        if (S_ISREG(status.st_mode)) {
            Fd source = TRY(open_at(from(), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME));
            Fd target = TRY(open_at(to(), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
            return copy_content(source.get(), target.get(), copied_,
                                [this] { return copied_.bytes < told_ + progress_step ? Result<>() : tell(); });
        }
        if (S_ISLNK(status.st_mode)) {
            std::string target(PATH_MAX, '\0');
            const ssize_t size = ::readlinkat(from(), name.c_str(), target.data(), target.size());
            if (size < 0) return sys_error("cannot read the link");
            target.resize(static_cast<size_t>(size));
            return ::symlinkat(target.c_str(), to(), name.c_str()) ? Result<>(sys_error("cannot make the link")) : Result<>();
        }
        if (::mknodat(to(), name.c_str(), (status.st_mode & S_IFMT) | 0600, status.st_rdev)) return sys_error("cannot make the node");
        return {};
    }

    // Owner first: a change of owner takes capabilities and setuid away. Times last.
    Result<> dress(const std::string& name, const struct stat& status)
    {
        const char* path = name.empty() ? "." : name.c_str();
        if (::fchownat(to(), path, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW)) return sys_error("cannot set the owner");
        if (!S_ISLNK(status.st_mode) && ::fchmodat(to(), path, status.st_mode & 07777, 0)) return sys_error("cannot set the mode");
        for (auto& [attribute, value] : TRY(kernel::read_attributes(from(), name))) {
            if (!keeps_(attribute)) {
                copied_.attributes += attribute == "security.selinux" || !is_no_note(attribute) ? 0 : 1;
                continue;
            }
            auto written = kernel::write_attribute(to(), name, attribute, value);
            if (written) continue;
            if (!rules_.keeps || written.error().sys_errno != EOPNOTSUPP) return written;
            ++copied_.attributes;  // of another file system, which has more
        }
        const timespec times[] = {status.st_atim, status.st_mtim};
        if (::utimensat(to(), path, times, AT_SYMLINK_NOFOLLOW)) return sys_error("cannot set the times");
        return {};
    }

    Result<> finish_folder()
    {
        struct stat status;
        if (::fstat(from(), &status)) return sys_error("cannot look at a folder");
        return dress("", status);
    }

    // The second name of a file that was copied under another. The first is remembered where it was not.
    Result<bool> link_to_copy(const std::string& name, const struct stat& status)
    {
        auto [place, first] = copies_.try_emplace({status.st_dev, status.st_ino});
        if (first) {
            if (::fstatat(to(), ".", &place->second.folder, 0)) return sys_error("cannot look at a folder");
            place->second.path = descent_.path(), place->second.name = name;
            return false;
        }
        Fd folder = TRY(descent_.open_from_top(to_tree, place->second.path));
        struct stat now;
        if (::fstat(folder.get(), &now) || now.st_ino != place->second.folder.st_ino) return error(Errc::Busy, "the copy is being changed");
        if (::linkat(folder.get(), place->second.name.c_str(), to(), name.c_str(), 0)) return sys_error("cannot link it");
        return true;
    }

    struct Copy {
        struct stat folder = {};
        std::string path, name;
    };

    Descent& descent_;
    const CopyProgress& progress_;
    const CopyRules& rules_;
    bool (*keeps_)(std::string_view attribute);
    uint64_t told_ = 0;                               // bytes, when progress_ was last told
    std::vector<std::vector<std::string>> pending_;   // names that are still to be copied, of each folder from the top down
    std::map<std::pair<dev_t, ino_t>, Copy> copies_;  // of files with several names
    std::string path_;                                // where it is, for people
    Copied copied_;
};

}  // namespace

Result<Copied> copy_tree(int from, int to, const CopyProgress& progress, const CopyRules& rules)
{
    std::vector<Fd> tops;
    for (int folder : {from, to}) tops.push_back(TRY(kernel::clone_mount(folder, kernel::Subtree::Alone)));
    Descent descent(std::move(tops));
    Copied copied = TRY(Copying(descent, progress, rules).run());
    if (!rules.synced) return copied;
    Fd own = TRY(open_at(to, ".", O_RDONLY | O_DIRECTORY));
    if (::syncfs(own.get())) return sys_error("cannot sync the copy");
    return copied;
}

}  // namespace holm::rootfs
