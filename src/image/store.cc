#include "image/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/handle.h"
#include "base/text.h"
#include "image/identifiers.h"

namespace holm::image {

namespace {

constexpr std::string_view ending = ".toml";

std::string_view hex_of(std::string_view digest)
{
    return digest.substr(digest.find(':') + 1);
}

}  // namespace

std::string Store::layer(std::string_view id) const
{
    return fmt::format("{}/layers/{}", state_, id);
}

std::string Store::tree(std::string_view id) const
{
    return layer(id) + "/tree";
}

std::string Store::info(std::string_view id) const
{
    return layer(id) + "/layer.toml";
}

std::string Store::manifest(std::string_view digest) const
{
    return fmt::format("{}/{}{}", manifests(), hex_of(digest), ending);
}

std::string Store::name(std::string_view name) const
{
    return fmt::format("{}/{}{}", images(), name, ending);
}

std::string Store::stack(const machine::MachineName& machine) const
{
    return fmt::format("{}/machines/{}/stack.toml", state_, machine.text());
}

Result<Fd> Store::lock(Holding holding) const
{
    TRY(make_folders(layers(), 0700));
    Fd file = TRY(open_file(layers() + "/.lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
    while (::flock(file.get(), holding == Holding::Shared ? LOCK_SH : LOCK_EX))
        if (errno != EINTR) return sys_error("cannot lock the image store");
    return file;
}

Result<Manifest> Store::read_manifest(std::string_view digest) const
{
    const std::string path = manifest(digest);
    auto text = read_regular_file(path, max_manifest);
    if (!text && text.error().sys_errno == ENOENT) return error(Errc::NotFound, "there is no image '{}'", digest);
    if (!text) return text.error();
    return parse_manifest(*text, path);
}

Result<Name> Store::read_name(std::string_view wanted) const
{
    const std::string path = name(wanted);
    auto text = read_regular_file(path, max_manifest);
    if (!text && text.error().sys_errno == ENOENT) return error(Errc::NotFound, "there is no image '{}' in {}", wanted, images());
    if (!text) return text.error();
    return parse_name(*text, path);
}

Result<Stored> Store::find(std::string_view reference) const
{
    Stored found;
    const std::string wanted = TRY(parse_reference(reference));
    if (is_digest(wanted)) {
        found.digest = wanted;
        found.manifest = TRY(read_manifest(wanted), fmt::format("image '{}'", wanted));
        return found;
    }
    auto named = read_name(wanted);
    if (!named && named.error().code != Errc::Invalid) return named.error();
    auto manifest = named ? read_manifest(named->manifest) : Result<Manifest>(named.error());
    if (!manifest && manifest.error().code != Errc::Invalid && manifest.error().code != Errc::NotFound)
        return with_context(manifest.error(), fmt::format("image '{}'", wanted));
    if (!manifest)
        return error(Errc::Invalid, "image '{0}' is damaged, by its file '{1}': {2}: 'holmctl remove-image {0}' takes it away", wanted,
                     name(wanted), manifest.error().text);
    found.name = wanted;
    found.digest = named->manifest;
    found.read_only = named->read_only;
    found.manifest = std::move(*manifest);
    return found;
}

Result<std::vector<std::string>> Store::names() const
{
    std::vector<std::string> names;
    Handle<DIR, closedir> listing(::opendir(images().c_str()));
    if (!listing && errno == ENOENT) return names;
    if (!listing) return sys_error("cannot list '{}'", images());
    while (const dirent* entry = ::readdir(listing.get())) {
        const std::string_view file = entry->d_name;
        if (!file.ends_with(ending)) continue;
        auto parsed = parse_image_name(file.substr(0, file.size() - ending.size()));
        if (parsed) names.push_back(std::move(*parsed));
    }
    std::ranges::sort(names);
    return names;
}

Result<LayerInfo> Store::read_layer(std::string_view id) const
{
    const std::string path = info(id);
    return parse_layer_info(TRY(read_regular_file(path, max_manifest)), path);
}

Result<> Store::check_layer(std::string_view id) const
{
    struct stat status;
    if (::lstat(tree(id).c_str(), &status) || !S_ISDIR(status.st_mode))
        return error(Errc::NotFound, "the layer '{}' is missing: there is no folder '{}'; 'holmctl fsck' lists what is damaged", id,
                     tree(id));
    auto known = read_layer(id);
    if (!known) return error(Errc::Invalid, "the layer '{}' is damaged: {}; import its image again", id, known.error().text);
    if (id.size() == 64 && known->digest != fmt::format("sha256:{}", id))
        return error(Errc::Invalid, "the layer '{}' is damaged: '{}' says that its digest is '{}'; import its image again", id, info(id),
                     known->digest);
    return {};
}

std::string Store::damage_mark(std::string_view id) const
{
    return layer(id) + "/damaged";
}

bool Store::is_damaged(std::string_view id) const
{
    return ::access(damage_mark(id).c_str(), F_OK) == 0;
}

Result<Stack> Store::read_stack(const machine::MachineName& machine) const
{
    const std::string path = stack(machine);
    return parse_stack(TRY(read_regular_file(path, max_manifest)), path);
}

Result<std::vector<std::string>> Store::trees(const std::vector<std::string>& layers) const
{
    std::vector<std::string> trees;
    for (const std::string& id : layers) {
        TRY(check_layer(id));
        trees.push_back(tree(id));
    }
    return trees;
}

const std::vector<std::string>& plain_places()
{
    static const std::vector<std::string> places = {api::state_images_folder, "/var/lib/machines"};
    return places;
}

}  // namespace holm::image
