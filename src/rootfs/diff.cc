#include "rootfs/diff.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <utility>

#include "base/text.h"
#include "kernel/attributes.h"
#include "kernel/mount.h"
#include "rootfs/descent.h"

namespace holm::rootfs {

namespace {

constexpr size_t buffer_size = 128 << 10;

// What some trees have under a name, seen through one another.
struct View {
    enum class Kind { Missing, Whiteout, File, Folder };
    Kind kind = Kind::Missing;
    size_t tree = 0;  // the topmost that has it
    struct stat status = {};
    std::vector<size_t> folders;  // the trees whose folders merge
    bool opaque = false;          // it hides what is below the trees

    bool is_there() const { return kind == Kind::File || kind == Kind::Folder; }
};

bool is_whiteout(const struct stat& status)
{
    return S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0);
}

FileState state_of(const struct stat& status)
{
    return {status.st_mode, status.st_uid, status.st_gid, static_cast<uint64_t>(status.st_size)};
}

Result<std::string> read_link(int folder, const std::string& name)
{
    std::string target(PATH_MAX, '\0');
    const ssize_t size = ::readlinkat(folder, name.c_str(), target.data(), target.size());
    if (size < 0) return sys_error("cannot read the link '{}'", printable(name));
    target.resize(static_cast<size_t>(size));
    return target;
}

// A file that is not what it was when it was looked at counts as another.
Result<bool> same_bytes(int one_folder, int other_folder, const std::string& name)
{
    std::array<Fd, 2> files;
    for (auto [file, folder] : {std::pair(&files[0], one_folder), std::pair(&files[1], other_folder)}) {
        *file = TRY(open_at(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
        struct stat status;
        if (::fstat(file->get(), &status) || !S_ISREG(status.st_mode)) return false;
    }
    std::vector<char> one(buffer_size), other(buffer_size);
    for (off_t offset = 0;;) {
        const ssize_t size = ::pread(files[0].get(), one.data(), one.size(), offset);
        const ssize_t also = ::pread(files[1].get(), other.data(), other.size(), offset);
        if (size < 0 || also < 0) return sys_error("cannot read '{}'", printable(name));
        if (size != also || !std::equal(one.begin(), one.begin() + size, other.begin())) return false;
        if (size == 0) return true;
        offset += size;
    }
}

Result<kernel::Attributes> attributes_of(int folder, const std::string& name)
{
    auto attributes = TRY(kernel::read_attributes(folder, name));
    std::erase_if(attributes, [](const auto& attribute) { return attribute.first.starts_with("trusted.overlay."); });
    return attributes;
}

class Comparison {
public:
    Comparison(Descent& descent, const DiffInput& input, const std::function<Result<>(const Change&)>& report)
        : descent_(descent), own_(input.own.size()), whole_(input.whole), report_(report)
    {
    }

    Result<> run()
    {
        levels_.push_back({TRY(names(whole_)), whole_});
        while (!levels_.empty()) {
            if (levels_.back().names.empty()) {
                levels_.pop_back();
                if (!levels_.empty()) TRY(descent_.leave());
                continue;
            }
            const std::string name = std::move(levels_.back().names.back());
            levels_.back().names.pop_back();
            TRY(compare(name));
        }
        return {};
    }

private:
    // A folder that is being gone through: names still to come, the last one first, and whether it hides what the base has in it.
    struct Level {
        std::vector<std::string> names;
        bool hides = false;
    };

    // Of the own trees; with `base` of the others too, as what is missing there is gone.
    Result<std::vector<std::string>> names(bool base)
    {
        std::vector<std::string> all;
        for (size_t tree = 0; tree < (base ? descent_.trees() : own_); ++tree) {
            if (descent_.here(tree) < 0) continue;
            auto some = TRY(list_names(descent_.here(tree)));
            std::ranges::move(some, std::back_inserter(all));
        }
        std::ranges::sort(all, std::greater());
        all.erase(std::ranges::unique(all).begin(), all.end());
        return all;
    }

    Result<View> look(const std::string& name, size_t begin, size_t end)
    {
        View view;
        for (size_t tree = begin; tree < end; ++tree) {
            struct stat status;
            if (descent_.here(tree) < 0) continue;
            if (::fstatat(descent_.here(tree), name.c_str(), &status, AT_SYMLINK_NOFOLLOW)) {
                if (errno == ENOENT) continue;
                return sys_error("cannot look at '{}/{}'", printable(descent_.path()), printable(name));
            }
            const bool folder = S_ISDIR(status.st_mode);
            if (!folder && view.kind == View::Kind::Folder) view.opaque = true;
            if (view.kind == View::Kind::Missing) {
                view.kind = is_whiteout(status) ? View::Kind::Whiteout : folder ? View::Kind::Folder : View::Kind::File;
                view.tree = tree, view.status = status;
            }
            if (!folder) break;
            view.folders.push_back(tree);
            view.opaque = TRY(kernel::read_attribute(descent_.here(tree), name, "trusted.overlay.opaque")) == "y";
            if (view.opaque) break;
        }
        return view;
    }

    Result<> compare(const std::string& name)
    {
        const View own = TRY(look(name, 0, own_)), base = TRY(look(name, own_, descent_.trees()));
        if (!own.is_there()) {
            const bool gone = own.kind == View::Kind::Whiteout || levels_.back().hides;
            return gone && base.is_there() ? tell(name, Difference::Deleted, &base, nullptr) : Result<>();
        }
        const bool both_folders = own.kind == View::Kind::Folder && base.kind == View::Kind::Folder;
        if (!base.is_there()) TRY(tell(name, Difference::Added, nullptr, &own));
        else {
            auto parts = TRY(changed_parts(name, own, base), fmt::format("'{}/{}'", printable(descent_.path()), printable(name)));
            if (!parts.empty()) TRY(tell(name, Difference::Changed, &base, &own, std::move(parts)));
            if (both_folders && own.opaque && !whole_) TRY(tell(name, Difference::Opaque, &base, &own));
        }
        return own.kind == View::Kind::Folder ? enter(name, own, base) : Result<>();
    }

    Result<> enter(const std::string& name, const View& own, const View& base)
    {
        std::vector<bool> into(descent_.trees());
        for (size_t tree : own.folders) into[tree] = true;
        if (base.kind == View::Kind::Folder)
            for (size_t tree : base.folders) into[tree] = true;
        const bool hides = levels_.back().hides || own.opaque;
        TRY(descent_.enter(name, std::move(into)));
        levels_.push_back({TRY(names(hides)), hides});
        return {};
    }

    Result<std::vector<std::string_view>> changed_parts(const std::string& name, const View& own, const View& base)
    {
        const struct stat &now = own.status, &before = base.status;
        const int here = descent_.here(own.tree), there = descent_.here(base.tree);
        std::vector<std::string_view> parts;
        const bool same_type = (now.st_mode & S_IFMT) == (before.st_mode & S_IFMT);
        if (!same_type) parts.emplace_back("type");
        if (same_type && !TRY(same_content(name, own, base))) parts.emplace_back("content");
        if (same_type && (now.st_mode & 07777) != (before.st_mode & 07777) && !S_ISLNK(now.st_mode)) parts.emplace_back("mode");
        if (now.st_uid != before.st_uid || now.st_gid != before.st_gid) parts.emplace_back("owner");
        if (TRY(attributes_of(here, name)) != TRY(attributes_of(there, name))) parts.emplace_back("attributes");
        if (parts.empty() && !S_ISDIR(now.st_mode) && !same_time(now, before)) parts.emplace_back("time");
        return parts;
    }

    static bool same_time(const struct stat& one, const struct stat& other)
    {
        return one.st_mtim.tv_sec == other.st_mtim.tv_sec && one.st_mtim.tv_nsec == other.st_mtim.tv_nsec;
    }

    // Of the same type. A file whose size and time of writing are the same has not been written: bytes are read only where they tell more.
    Result<bool> same_content(const std::string& name, const View& own, const View& base)
    {
        const struct stat &now = own.status, &before = base.status;
        const int here = descent_.here(own.tree), there = descent_.here(base.tree);
        if (S_ISLNK(now.st_mode)) return TRY(read_link(here, name)) == TRY(read_link(there, name));
        if (S_ISCHR(now.st_mode) || S_ISBLK(now.st_mode)) return now.st_rdev == before.st_rdev;
        if (!S_ISREG(now.st_mode)) return true;
        if (now.st_size != before.st_size) return false;
        return same_time(now, before) ? true : TRY(same_bytes(here, there, name));
    }

    Result<> tell(const std::string& name, Difference kind, const View* before, const View* now, std::vector<std::string_view> parts = {})
    {
        Change change{.path = descent_.path() + "/" + name, .kind = kind, .parts = std::move(parts)};
        if (before) change.before = state_of(before->status);
        if (now) change.now = state_of(now->status);
        return report_(change);
    }

    Descent& descent_;
    size_t own_;  // the first trees are the machine's own
    bool whole_;
    const std::function<Result<>(const Change&)>& report_;
    std::vector<Level> levels_;
};

}  // namespace

Result<> diff(const DiffInput& input, const std::function<Result<>(const Change&)>& report)
{
    std::vector<Fd> tops;
    for (auto* trees : {&input.own, &input.base})
        for (const Fd& tree : *trees) tops.push_back(TRY(kernel::clone_mount(tree.get(), kernel::Subtree::Alone)));
    Descent descent(std::move(tops));
    return Comparison(descent, input, report).run();
}

std::string_view describe_difference(Difference kind)
{
    switch (kind) {
    case Difference::Added: return "added";
    case Difference::Changed: return "changed";
    case Difference::Deleted: return "deleted";
    case Difference::Opaque: return "opaque";
    }
    std::unreachable();
}

std::string_view describe_type(mode_t mode)
{
    constexpr std::pair<mode_t, std::string_view> types[] = {
        {S_IFREG, "file"},         {S_IFDIR, "folder"}, {S_IFLNK, "link"},    {S_IFCHR, "character device"},
        {S_IFBLK, "block device"}, {S_IFIFO, "fifo"},   {S_IFSOCK, "socket"},
    };
    auto type = std::ranges::find(types, mode & S_IFMT, &std::pair<mode_t, std::string_view>::first);
    return type == std::end(types) ? "unknown" : type->second;
}

}  // namespace holm::rootfs
