#include "daemon/planner_spec.h"

#include "base/text.h"
#include "daemon/image_root.h"
#include "daemon/nspawn_settings.h"
#include "daemon/volumes.h"
#include "machine/spec_file.h"
#include "rootfs/observe.h"

namespace holm::daemon {

using machine::Spec;

void looking_at(const PlanRequest& request, std::string_view path)
{
    if (request.looking_at) request.looking_at(path);
}

kernel::Places places_of(const PlanRequest& request)
{
    return {.default_profile = request.settings.defaults.profile};
}

namespace {

// A name that is only an image's is a machine with all defaults that boots it, or what an .nspawn file of machinectl's makes of it.
Result<Spec> spec_of_image(const PlanRequest& request, std::vector<std::string>& warnings)
{
    Spec spec;
    const bool stored = image::Store().find(request.name.text()).has_value();
    auto root = rootfs::find_image(request.name.text(), image_places());
    if (!stored && root) {
        looking_at(request, "/etc/systemd/nspawn");
        if (auto settings = TRY(read_nspawn_settings(request.name, *root))) {
            for (const imports::Dropped& dropped : settings->dropped)
                warnings.push_back(fmt::format("dropped {}: {}", dropped.setting, dropped.reason));
            spec = std::move(settings->spec);
        }
    }
    spec.name = request.name;
    spec.root.image = request.name.text();
    if (spec.payload.command.empty()) spec.payload.boot = true;
    // Judged as any definition; where it stands in a text that nobody has written says nothing.
    const machine::Source source{"", machine::describe_spec_file(spec)};
    Spec checked = TRY(machine::parse_spec(request.name, {&source, 1}));
    checked.origins.clear();
    return checked;
}

Result<Spec> read_spec(const PlanRequest& request, std::vector<std::string>& warnings)
{
    if (request.spec) return *request.spec;
    const kernel::Places places = places_of(request);
    looking_at(request, places.etc);
    auto definition = kernel::read_definition(request.name, places);
    if (definition) return std::move(definition->spec);
    if (definition.error().code != Errc::NotFound) return definition.error();
    for (const std::string& place : image_places()) looking_at(request, place);
    if (!is_image(request.name.text())) return definition.error();
    return spec_of_image(request, warnings);
}

// A volume is a folder of holm's own, bound as any other.
Result<> resolve_volumes(Spec& spec)
{
    for (size_t i = 0; i < spec.mounts.size(); ++i) {
        machine::MountSpec& mount = spec.mounts[i];
        if (mount.type != machine::MountType::Volume) continue;
        auto folder = find_volume(mount.source);
        const std::string key = fmt::format("mount[{}].source", i);
        if (!folder && !mount.optional) return with_context(folder.error(), key + describe_origin(spec, key));
        mount.type = machine::MountType::Bind;
        mount.source = folder ? *folder : fmt::format("{}/{}", volumes_folder, mount.source);
    }
    return {};
}

}  // namespace

Result<Spec> resolve_spec(const PlanRequest& request, std::vector<std::string>& warnings)
{
    Spec spec = TRY(read_spec(request, warnings));
    TRY(machine::check_supported(spec));
    TRY(resolve_volumes(spec));
    const std::string& network = request.settings.defaults.network;
    if (spec.networks.empty() && network != "none") spec.networks.push_back({.network = network});
    return spec;
}

}  // namespace holm::daemon
