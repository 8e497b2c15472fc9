#include "store/landing.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "base/folder.h"
#include "base/handle.h"
#include "base/text.h"
#include "image/sha256.h"
#include "rootfs/remove.h"
#include "store/layer_index.h"
#include "store/references.h"
#include "store/unnamed.h"

namespace holm::store {

namespace {

constexpr unsigned most_attempts = 8;
constexpr std::string_view incoming_prefix = ".incoming-", removed_prefix = ".removed-";

Result<std::string> draw(std::string_view prefix)
{
    uint64_t number = 0;
    if (::getrandom(&number, sizeof number, 0) != sizeof number) return sys_error("cannot draw a name");
    return fmt::format("{}{:016x}", prefix, number);
}

Result<> sync_path(const std::string& path)
{
    Fd folder = TRY(open_file(path, O_RDONLY | O_DIRECTORY));
    if (::fsync(folder.get())) return sys_error("cannot sync '{}'", path);
    return {};
}

bool is_link(const std::string& path)
{
    struct stat status;
    return ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
}

// What is damaged, and about to be replaced.
Result<> check_unused(const image::Store& store, std::string_view id)
{
    const auto users = TRY(machines_on(store, id));
    if (users.empty()) return {};
    return error(Errc::Busy, "the layer '{}' is damaged, and machine '{}' runs on it: stop it, and it can be replaced", id,
                 users.front().text());
}

// Errors: NotFound, Busy, where somebody who cleans up took it for litter before it was locked.
Result<Fd> make_locked(const std::string& path)
{
    if (::mkdir(path.c_str(), 0700)) return sys_error("cannot make '{}'", path);
    Fd folder = TRY(open_file(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    if (::flock(folder.get(), LOCK_EX | LOCK_NB)) return sys_error("cannot lock '{}'", path);
    return exists(path) ? Result<Fd>(std::move(folder)) : Result<Fd>(error(Errc::NotFound, "'{}' was removed", path));
}

}  // namespace

Result<Incoming> Incoming::make(const image::Store& store)
{
    Incoming incoming;
    incoming.parent_ = store.layers();
    TRY(make_folders(incoming.parent_, 0700));
    for (unsigned attempt = 0; !incoming.folder_; ++attempt) {
        const std::string name = TRY(draw(incoming_prefix));
        auto folder = make_locked(fmt::format("{}/{}", incoming.parent_, name));
        if (!folder && attempt == most_attempts) return folder.error();
        if (!folder) continue;
        incoming.name_ = name;
        incoming.folder_ = std::move(*folder);
    }
    if (::mkdirat(incoming.folder_.get(), "tree", 0755)) return sys_error("cannot make '{}/tree'", incoming.name_);
    incoming.tree_ = TRY(open_at(incoming.folder_.get(), "tree", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    return incoming;
}

Incoming::~Incoming()
{
    if (name_.empty()) return;
    if (auto parent = open_file(parent_, O_PATH | O_DIRECTORY)) static_cast<void>(rootfs::remove_tree(parent->get(), name_));
}

Result<Fd> Incoming::make_file() const
{
    return open_at(folder_.get(), ".", O_RDWR | O_TMPFILE, 0600);
}

Result<> Incoming::land(const image::Store& store, std::string_view id, const image::LayerInfo& info)
{
    if (store.check_layer(id) && !store.is_damaged(id)) return {};
    const bool replaces = exists(store.layer(id));
    if (replaces) TRY(check_unused(store, id));
    else TRY(mark_layer(folder_.get()));
    TRY(replace_file(fmt::format("{}/{}/layer.toml", parent_, name_), image::describe_layer_info(info), 0600));
    const std::string own = fmt::format("{}/{}", parent_, name_);
    if (::renameat2(AT_FDCWD, own.c_str(), AT_FDCWD, store.layer(id).c_str(), replaces ? RENAME_EXCHANGE : RENAME_NOREPLACE))
        return sys_error("cannot put the layer '{}' in place", id);
    if (!replaces) name_.clear();  // else that is where the damaged one is now, which goes
    return sync_path(parent_);
}

Result<> move_layer(const image::Store& store, const std::string& from, const std::string& id)
{
    if (is_link(from)) return store.trees({id}) ? Result<>() : store.trees({id}).error();
    const std::string tree = store.tree(id);
    Incoming incoming = TRY(Incoming::make(store));
    if (::unlinkat(incoming.folder(), "tree", AT_REMOVEDIR) || ::symlinkat(tree.c_str(), incoming.folder(), "tree"))
        return sys_error("cannot make the place of the layer '{}'", id);
    TRY(incoming.land(store, id, {}));
    if (!is_link(tree)) return error(Errc::Exists, "there is a layer '{}' already", id);
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, tree.c_str(), RENAME_EXCHANGE))
        return sys_error("cannot put '{}' in its place as the layer '{}'", from, id);
    TRY(sync_path(store.layer(id)));
    return sync_path(from.substr(0, from.rfind('/')));
}

Result<> drop_unfinished(const image::Store& store)
{
    for (const std::string& id : TRY(list_layers(store)))
        if (is_link(store.tree(id))) TRY(drop_layer(store, id));
    return {};
}

Result<> sync_folder(int folder)
{
    if (::syncfs(folder)) return sys_error("cannot write the layer to disk");
    return {};
}

Result<std::string> write_manifest(const image::Store& store, const image::Manifest& manifest)
{
    const std::string text = image::describe_manifest(manifest), digest = image::digest_of(text);
    TRY(image::parse_manifest(text, "the manifest"));
    TRY(make_folders(store.manifests(), 0700));
    TRY(mark_manifest(store, digest));
    TRY(replace_file(store.manifest(digest), text, 0600));
    return digest;
}

Result<> write_name(const image::Store& store, std::string_view name, const image::Name& value)
{
    return replace_file(store.name(name), image::describe_name(value), 0600);
}

Result<> remove_name(const image::Store& store, std::string_view name)
{
    if (::unlink(store.name(name).c_str()) && errno != ENOENT) return sys_error("cannot remove the image '{}'", name);
    return sync_path(store.images());
}

Result<> drop_layer(const image::Store& store, std::string_view id)
{
    const std::string away = fmt::format("{}/{}", store.layers(), TRY(draw(removed_prefix)));
    if (::rename(store.layer(id).c_str(), away.c_str()) && errno != ENOENT) return sys_error("cannot remove the layer '{}'", id);
    return {};
}

Result<> clean(const image::Store& store)
{
    auto parent = open_file(store.layers(), O_RDONLY | O_DIRECTORY);
    if (!parent) return parent.error().sys_errno == ENOENT ? Result<>() : parent.error();
    std::vector<std::string> left;
    Fd own = TRY(open_at(parent->get(), ".", O_RDONLY | O_DIRECTORY));
    Handle<DIR, closedir> listing(::fdopendir(own.get()));
    if (!listing) return sys_error("cannot list '{}'", store.layers());
    own.release();
    while (const dirent* entry = ::readdir(listing.get())) {
        const std::string_view name = entry->d_name;
        if (name.starts_with(incoming_prefix) || name.starts_with(removed_prefix)) left.emplace_back(name);
    }
    Result<> result;
    for (const std::string& name : left) {
        auto folder = open_at(parent->get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (!folder || ::flock(folder->get(), LOCK_EX | LOCK_NB)) continue;  // somebody works in it
        if (auto removed = rootfs::remove_tree(parent->get(), name); !removed) result = removed;
    }
    return result;
}

}  // namespace holm::store
