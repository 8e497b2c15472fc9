#include "daemon/planner_spec.h"

#include "base/text.h"
#include "daemon/image_root.h"
#include "daemon/image_spec.h"
#include "daemon/volumes.h"
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
    const std::string name = request.name.text();
    const bool stored = image::Store().find(name).has_value();
    if (!stored) looking_at(request, "/etc/systemd/nspawn");
    const std::string plain = stored ? "" : rootfs::find_image(name, image_places()).value_or("");
    return spec_of_image(request.name, plain, warnings);
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
