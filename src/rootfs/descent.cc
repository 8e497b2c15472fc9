#include "rootfs/descent.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/handle.h"
#include "base/text.h"
#include "kernel/path.h"

namespace holm::rootfs {

namespace {

constexpr size_t window = 64;             // folders that are held open, from the last one up
constexpr size_t longest_step = 3000;     // bytes of a path that one openat2(2) is given, below PATH_MAX
constexpr size_t most_names = 5'000'000;  // of one folder

Result<std::pair<dev_t, ino_t>> identify(int folder)
{
    struct stat status;
    if (::fstat(folder, &status)) return sys_error("cannot look at a folder");
    return std::pair(status.st_dev, status.st_ino);
}

Result<Fd> step(int folder, const std::string& path)
{
    return kernel::open_in_root(folder, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, kernel::Links::Refuse);
}

}  // namespace

Descent::Descent(std::vector<Fd> tops)
{
    Frame top;
    top.in.assign(tops.size(), true);
    top.folders = std::move(tops);
    frames_.push_back(std::move(top));
}

Result<> Descent::enter(const std::string& name, std::vector<bool> into)
{
    Frame frame{.name = name, .in = std::move(into)};
    for (size_t tree = 0; tree < trees(); ++tree) {
        auto folder = frame.in[tree] ? step(here(tree), name) : Result<Fd>(Fd());
        if (!folder) return with_context(folder.error(), fmt::format("cannot open '{}/{}'", printable(path()), printable(name)));
        frame.folders.push_back(std::move(*folder));
    }
    frames_.push_back(std::move(frame));
    if (frames_.size() > window + 1) TRY(close_frame(frames_[frames_.size() - window - 1]));
    return {};
}

Result<> Descent::close_frame(Frame& frame)
{
    if (!frame.open) return {};  // the walk was here before, and deeper
    frame.identities.resize(trees());
    for (size_t tree = 0; tree < trees(); ++tree) {
        if (frame.in[tree]) frame.identities[tree] = TRY(identify(frame.folders[tree].get()));
        frame.folders[tree].reset();
    }
    frame.open = false;
    return {};
}

Result<> Descent::leave()
{
    const Frame left = std::move(frames_.back());
    frames_.pop_back();
    if (frames_.back().open) return {};
    if (!go_back(left)) return error(Errc::Busy, "cannot go back to '{}': it was moved meanwhile", printable(path()));
    frames_.back().open = true;
    return {};
}

// Of each tree the folder above the one that is left, where that tree has both: the one that was gone through on the way down.
Result<> Descent::go_back(const Frame& left)
{
    Frame& frame = frames_.back();
    for (size_t tree = 0; tree < trees(); ++tree) {
        if (!frame.in[tree]) continue;
        frame.folders[tree] = left.in[tree] ? TRY(open_at(left.folders[tree].get(), "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
                                            : TRY(open_from_top(tree, path()));
        if (TRY(identify(frame.folders[tree].get())) != frame.identities[tree]) return error(Errc::Busy, "it is another folder");
    }
    return {};
}

Result<Fd> Descent::open_from_top(size_t tree, std::string_view path) const
{
    Fd folder = TRY(open_at(frames_.front().folders[tree].get(), ".", O_RDONLY | O_DIRECTORY));
    while (!path.empty()) {
        size_t end = path.size();
        if (end > longest_step) end = path.find('/', longest_step - 256);  // a name has at most 255 bytes
        folder = TRY(step(folder.get(), std::string(path.substr(0, end))));
        path.remove_prefix(std::min(end, path.size()));
    }
    return folder;
}

std::string Descent::path() const
{
    std::string path;
    for (size_t index = 1; index < frames_.size(); ++index) path += "/" + frames_[index].name;
    return path;
}

Result<std::vector<std::string>> list_names(int folder)
{
    Fd own = TRY(open_at(folder, ".", O_RDONLY | O_DIRECTORY));
    Handle<DIR, ::closedir> listing(::fdopendir(own.get()));
    if (!listing) return sys_error("cannot list a folder");
    own.release();
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(listing.get())) {
        const std::string_view name = entry->d_name;
        if (name == "." || name == "..") continue;
        if (names.size() == most_names) return error(Errc::NotSupported, "a folder has more than {} files", most_names);
        names.emplace_back(name);
        errno = 0;
    }
    if (errno) return sys_error("cannot list a folder");
    return names;
}

}  // namespace holm::rootfs
