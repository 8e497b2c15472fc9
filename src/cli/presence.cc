#include "cli/presence.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "api/names.h"
#include "base/fd.h"
#include "base/text.h"
#include "image/identifiers.h"
#include "image/store.h"
#include "launch/facts.h"
#include "launch/limits.h"
#include "launch/unit_properties.h"
#include "machine/guest_files.h"
#include "machine/identifiers.h"
#include "network/plan.h"
#include "rootfs/observe.h"

namespace holm::cli {

namespace {

bool is_absent(const std::string& path)
{
    struct stat status{};
    return ::stat(path.c_str(), &status) && (errno == ENOENT || errno == ENOTDIR);
}

// The state is root's alone: who cannot look into it knows nothing of images and volumes.
bool sees_state()
{
    return ::access(api::state_folder, X_OK) == 0 || errno == ENOENT;
}

class Search {
public:
    Search(const machine::Spec& spec, const kernel::Places& places) : spec_(spec), places_(places) {}

    std::vector<std::string> run() &&
    {
        look_at_root();
        for (size_t i = 0; i < spec_.mounts.size(); ++i) look_at_mount(spec_.mounts[i], fmt::format("mount[{}].source", i));
        for (size_t i = 0; i < spec_.networks.size(); ++i)
            look_at_network(spec_.networks[i].network, fmt::format("network[{}].network", i));
        for (size_t i = 0; i < spec_.security.devices.size(); ++i)
            path(machine::split_device(spec_.security.devices[i]).path, fmt::format("security.devices[{}]", i));
        for (size_t i = 0; i < spec_.credentials.size(); ++i) path(spec_.credentials[i].file, fmt::format("credential[{}].file", i));
        look_at_rest();
        return std::move(sentences_);
    }

private:
    void add(const std::string& key, std::string_view what)
    {
        sentences_.push_back(fmt::format("{}{}: {} is not on this host", key, describe_origin(spec_, key), what));
    }
    void path(const std::string& path, const std::string& key)
    {
        if (path.starts_with('/') && is_absent(path)) add(key, fmt::format("'{}'", printable(path, 4096)));
    }
    void image(const std::string& name, const std::string& key)
    {
        if (!sees_state() || image::Store().find(name)) return;
        if (!image::is_digest(name) && rootfs::find_image(name, image::plain_places())) return;
        add(key, fmt::format("image '{}'", printable(name)));
    }
    void look_at_root();
    void look_at_mount(const machine::MountSpec& mount, const std::string& key);
    void look_at_network(const std::string& network, const std::string& key);
    void look_at_rest();

    const machine::Spec& spec_;
    const kernel::Places& places_;
    std::vector<std::string> sentences_;
};

void Search::look_at_root()
{
    const machine::RootSpec& root = spec_.root;
    path(root.path, "root.path");
    if (!root.image.empty()) image(root.image, "root.image");
    for (size_t i = 0; i < root.lower.size(); ++i) path(root.lower[i], fmt::format("root.lower[{}]", i));
}

void Search::look_at_mount(const machine::MountSpec& mount, const std::string& key)
{
    if (mount.optional) return;
    switch (mount.type) {
    case machine::MountType::Bind: return path(mount.source, key);
    case machine::MountType::Image: return mount.source.starts_with('/') ? path(mount.source, key) : image(mount.source, key);
    case machine::MountType::Volume:
        if (sees_state() && is_absent(fmt::format("{}/volumes/{}/data", api::state_folder, mount.source)))
            add(key, fmt::format("volume '{}'", printable(mount.source)));
        return;
    case machine::MountType::Tmpfs:
    case machine::MountType::Overlay:
    case machine::MountType::Inaccessible: return;
    }
}

// A definition, or an interface of the host behind the colon.
void Search::look_at_network(const std::string& network, const std::string& key)
{
    if (const size_t colon = network.find(':'); colon != network.npos) {
        const std::string interface = network.substr(colon + 1);
        if (is_absent("/sys/class/net/" + interface)) add(key, fmt::format("interface '{}'", printable(interface)));
        return;
    }
    if (network == "none" || network == "host" || network == "veth") return;
    const auto name = machine::parse_name(network);
    if (!name || kernel::find_network(*name, places_)) return;
    add(key, fmt::format("network '{}'", printable(network)));
}

void Search::look_at_rest()
{
    const std::string_view runtime = machine::runtime_of(spec_.security);
    auto lacks = [&](const char* folder) { return is_absent(fmt::format("{}/{}", folder, runtime)); };
    if (!runtime.empty() && std::ranges::all_of(launch::runtime_folders, lacks))
        add("security.isolation", fmt::format("the program '{}'", runtime));
    const std::string& zone = spec_.identity.timezone;
    if (machine::names_zone(zone)) path("/usr/share/zoneinfo/" + zone, "identity.timezone");
    if (!spec_.owner.empty() && !::getpwnam(spec_.owner.c_str())) add("owner", fmt::format("user '{}'", printable(spec_.owner)));
}

}  // namespace

std::vector<std::string> find_absent(const machine::Spec& spec, const kernel::Places& places, const machine::Settings& settings)
{
    std::vector<std::string> sentences = Search(spec, places).run();
    const auto controllers = read_file(launch::controllers_file);
    const auto unenforced =
        launch::find_unenforced(spec, {.resources = settings.resources}, controllers ? *controllers : launch::all_controllers);
    sentences.insert(sentences.end(), unenforced.begin(), unenforced.end());
    return sentences;
}

}  // namespace holm::cli
