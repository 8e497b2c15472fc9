#include "rootfs/stack_lookup.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <deque>
#include <optional>

#include "base/text.h"
#include "kernel/path.h"

namespace holm::rootfs {

namespace {

constexpr unsigned most_links = 40;    // path_resolution(7)
constexpr unsigned most_steps = 4096;  // components in all: a hostile tree must not keep us busy

bool is_whiteout(const struct stat& status)
{
    return S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0);
}

// The status of `name` in one layer's folder; none: not there.
Result<std::optional<struct stat>> look_up(int folder, const std::string& name)
{
    struct stat status;
    if (fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0) return std::optional(status);
    if (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG) return std::optional<struct stat>();
    return sys_error("cannot look at '{}'", printable(name));
}

// overlayfs's mark that nothing of the layers below is seen in this folder.
bool is_opaque(int folder)
{
    char value = 0;
    return getxattr(kernel::path_of_descriptor(folder).c_str(), "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

// A path on its way through the stack.
class Walk {
public:
    explicit Walk(const Stack& stack) : stack_(stack) { to_root(); }

    enum class Last { Follow, Leave };
    // Goes along `path` as far as it leads. Afterwards found() and status() tell of what it has come to.
    Result<> go(std::string_view path, Last last);

    bool found() const { return found_; }
    const struct stat& status() const { return status_; }
    const std::string& link() const { return link_; }
    std::string path() const { return names_.empty() ? "/" : fmt::format("/{}", fmt::join(names_, "/")); }

private:
    void to_root();
    Result<> step(const std::string& name, Last last);
    Result<> enter(size_t layer, const std::string& name);
    Result<> follow(int folder, const std::string& name);
    void back();
    void prepend(std::string_view path);

    const Stack& stack_;
    std::vector<int> parts_;  // the folder that we are in, its parts topmost first; inside `owned_` or the stack
    std::vector<Fd> owned_;
    std::vector<std::string> names_;  // of the folders from the root, and of the file at the end
    std::deque<std::string> rest_;
    unsigned links_ = 0;
    bool found_ = true;
    bool ended_ = false;  // at what is no folder
    struct stat status_ = {};
    std::string link_;
};

void Walk::to_root()
{
    owned_.clear(), parts_.clear(), names_.clear();
    for (const Fd& layer : stack_) parts_.push_back(layer.get());
    status_.st_mode = S_IFDIR | 0755;
}

void Walk::prepend(std::string_view path)
{
    std::vector<std::string_view> names = split(path, '/');
    for (auto name = names.rbegin(); name != names.rend(); ++name)
        if (!name->empty() && *name != ".") rest_.emplace_front(*name);
}

// "..": from the root again, so that no more than one folder's descriptors are open at a time.
void Walk::back()
{
    if (names_.empty()) return;
    names_.pop_back();
    std::string parent = path();
    to_root();
    prepend(parent);
}

Result<> Walk::enter(size_t layer, const std::string& name)
{
    std::vector<Fd> folders;
    for (size_t i = layer; i < parts_.size(); ++i) {
        std::optional<struct stat> status = TRY(look_up(parts_[i], name));
        if (!status) continue;
        if (!S_ISDIR(status->st_mode)) break;  // hides what is below; as seen from above it is hidden itself
        folders.push_back(TRY(open_at(parts_[i], name, O_PATH | O_DIRECTORY | O_NOFOLLOW)));
        if (i + 1 < parts_.size() && is_opaque(folders.back().get())) break;
    }
    owned_ = std::move(folders);
    parts_.clear();
    for (const Fd& folder : owned_) parts_.push_back(folder.get());
    names_.push_back(name);
    return {};
}

Result<> Walk::follow(int folder, const std::string& name)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(folder, name.c_str(), target, sizeof target);
    if (length < 0) return sys_error("cannot read the link '{}'", printable(name));
    if (++links_ > most_links || length == 0) {
        found_ = false;
        return {};
    }
    if (target[0] == '/') to_root();
    prepend({target, static_cast<size_t>(length)});
    return {};
}

Result<> Walk::step(const std::string& name, Last last)
{
    for (size_t i = 0; i < parts_.size(); ++i) {
        std::optional<struct stat> status = TRY(look_up(parts_[i], name));
        if (!status) continue;
        if (is_whiteout(*status)) break;
        status_ = *status;
        if (S_ISDIR(status->st_mode)) return enter(i, name);
        if (S_ISLNK(status->st_mode) && (last == Last::Follow || !rest_.empty())) return follow(parts_[i], name);
        if (S_ISLNK(status->st_mode)) {
            char target[PATH_MAX];
            ssize_t length = readlinkat(parts_[i], name.c_str(), target, sizeof target);
            link_.assign(target, length > 0 ? static_cast<size_t>(length) : 0);
        }
        names_.push_back(name);
        ended_ = true;
        return {};
    }
    found_ = false;
    return {};
}

Result<> Walk::go(std::string_view path, Last last)
{
    prepend(path);
    for (unsigned steps = 0; found_ && !rest_.empty(); ++steps) {
        if (ended_ || steps >= most_steps) {  // a file is no folder
            found_ = false;
            break;
        }
        std::string name = std::move(rest_.front());
        rest_.pop_front();
        if (name == "..") back();
        else TRY(step(name, last));
    }
    return {};
}

}  // namespace

Result<Found> find_in_stack(const Stack& stack, std::string_view path)
{
    Walk walk(stack);
    TRY(walk.go(path, Walk::Last::Follow), fmt::format("cannot look up '{}' in the root", printable(path)));
    Found found{.asked = std::string(path)};
    if (!walk.found()) return found;
    mode_t mode = walk.status().st_mode;
    found.kind = S_ISREG(mode) ? Found::Kind::File : S_ISDIR(mode) ? Found::Kind::Folder : Found::Kind::Other;
    found.path = walk.path();
    found.executable = S_ISREG(mode) && (mode & 0111) != 0;
    return found;
}

Result<std::string> read_link_in_stack(const Stack& stack, std::string_view path)
{
    Walk walk(stack);
    TRY(walk.go(path, Walk::Last::Leave), fmt::format("cannot look up '{}' in the root", printable(path)));
    return walk.found() ? walk.link() : std::string();
}

}  // namespace holm::rootfs
