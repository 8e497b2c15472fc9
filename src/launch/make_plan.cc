#include "launch/make_plan.h"

#include <tuple>

#include "api/names.h"
#include "base/text.h"
#include "launch/credential.h"
#include "launch/guest_files.h"
#include "launch/limits.h"
#include "launch/payload.h"
#include "launch/unit_properties.h"

namespace holm::launch {

namespace {

using machine::MachineIdKind;
using machine::Spec;
using rootfs::File;

// The one id of the machine: container_uuid, machined's, and the machine-id where holm gives one.
std::string plan_uuid(const Spec& spec, const Facts& facts)
{
    switch (spec.identity.machine_id) {
    case MachineIdKind::Given: return spec.identity.machine_id_value;
    case MachineIdKind::Fresh: return facts.fresh_id;
    case MachineIdKind::Default:
    case MachineIdKind::Keep:
    case MachineIdKind::Derived: break;
    }
    return facts.identity.uuid;
}

Result<> check_sandbox(const Spec& spec, const HostFacts& host)
{
    const std::string_view program = machine::runtime_of(spec.security);
    if (program.empty()) return {};
    // An image may bring one, so this is known no sooner.
    if (machine::boots(spec.payload))
        return error(Errc::NotSupported, "isolation = \"{}\" runs one command, and there is none: give payload.command{}",
                     spec.security.isolation, describe_origin(spec, "security.isolation"));
    if (!host.runtime.empty()) return {};
    return error(Errc::NotSupported,
                 "isolation = \"{}\" needs the program '{}', which is in none of {}: install it, or leave out 'security.isolation'{}",
                 spec.security.isolation, program, fmt::join(runtime_folders, ", "), describe_origin(spec, "security.isolation"));
}

Result<Unit> plan_unit(const Spec& spec, const Request& request, const Payload& payload, const rootfs::Plan& root)
{
    Unit unit;
    unit.kind = request.unit;
    unit.name = request.unit == UnitKind::Scope ? api::scope_name(spec.name) : api::service_name(spec.name);
    unit.slice = spec.unit.slice;
    unit.description = describe_unit(spec);
    unit.properties =
        TRY(plan_unit_properties(spec, request, payload.stop_timeout, root), "[resources] of machine '" + spec.name.text() + "'");
    return unit;
}

// What a payload may know of its host: systemd's CONTAINER_INTERFACE, /run/host.
std::vector<File> plan_host_files(const Facts& facts, const Plan& plan)
{
    return {{"os-release", facts.host.os_release, File::Kind::Replace},
            {"container-manager", "holm\n", File::Kind::Replace},
            {"container-uuid", dashed_uuid(plan.uuid) + "\n", File::Kind::Replace}};
}

// As with the root: its changes are this machine's alone, and nobody changes a layer below it.
void lock_overlay(const rootfs::Mount& mount, Plan& plan)
{
    if (mount.type != machine::MountType::Overlay) return;
    for (const std::string& layer : rootfs::layers_of(mount)) plan.shared_paths.push_back(layer);
    if (!mount.upper.empty()) plan.locked_paths.insert(plan.locked_paths.end(), {mount.upper, mount.work});
}

Result<> check_host(const Facts& facts)
{
    if (!facts.host.unified_cgroup)
        return error(Errc::NotSupported, "the host has no cgroup v2 at /sys/fs/cgroup: boot it with systemd.unified_cgroup_hierarchy=1");
    return {};
}

std::vector<Credential> plan_credentials(const Spec& spec)
{
    std::vector<Credential> credentials;
    for (size_t i = 0; i < spec.credentials.size(); ++i) {
        const machine::CredentialSpec& asked = spec.credentials[i];
        credentials.push_back({asked.name, asked.value.empty() ? asked.file : value_path(spec.name, i)});
    }
    return credentials;
}

Result<> check_labels(const Spec& spec, const HostFacts& host)
{
    for (auto [asked, there, key, name] : {std::tuple(!spec.security.apparmor.empty(), host.apparmor, "security.apparmor", "AppArmor"),
                                           {!spec.security.selinux.empty(), host.selinux, "security.selinux", "SELinux"},
                                           {!spec.security.selinux_mounts.empty(), host.selinux, "security.selinux_mounts", "SELinux"}})
        if (asked && !there)
            return error(Errc::NotSupported, "{} is not active on this host: boot it with it, or leave out '{}'{}", name, key,
                         describe_origin(spec, key));
    // It stands between quotation marks among the options of an overlay.
    if (spec.security.selinux_mounts.find('"') != std::string::npos)
        return error(Errc::Invalid, "'{}' is no context of SELinux{}", printable(spec.security.selinux_mounts, 200),
                     describe_origin(spec, "security.selinux_mounts"));
    return {};
}

}  // namespace

Result<Plan> make_plan(const Spec& spec, const Facts& facts, const Request& request)
{
    TRY(check_host(facts));
    TRY(check_labels(spec, facts.host));
    TRY(check_sandbox(spec, facts.host));
    Plan plan;
    plan.name = spec.name;
    plan.uuid = plan_uuid(spec, facts);
    plan.console = request.console;
    plan.remove_at_end = request.remove_at_end;
    plan.hold = request.hold;
    plan.state = request.state_folder + "/" + spec.name.text();
    plan.network = TRY(network::plan_network(spec, facts.network, facts.identity.uuid));
    plan.security = TRY(security::plan_security(
        spec, plan.network.kind == network::Kind::Host ? security::Interfaces::OfTheHost : security::Interfaces::Own));
    plan.security.runtime = facts.host.runtime;
    plan.payload = TRY(plan_payload(spec, facts, request, plan.uuid));
    rootfs::PlanInput input{.ids = facts.identity.ids, .state = plan.state, .memory = facts.host.memory};
    plan.rootfs = TRY(rootfs::plan_rootfs(spec, facts.rootfs, input, plan.warnings));
    plan.rootfs.context = spec.security.selinux_mounts;
    plan.unit = TRY(plan_unit(spec, request, plan.payload, plan.rootfs));
    const std::vector<std::string> unenforced = find_unenforced(spec, request.defaults, facts.host.controllers);
    plan.warnings.insert(plan.warnings.end(), unenforced.begin(), unenforced.end());
    TRY(plan_guest_files(spec, facts, plan));
    plan.rootfs.host_files = plan_host_files(facts, plan);
    plan.credentials = plan_credentials(spec);
    if (plan.rootfs.upper == rootfs::Upper::Directory) plan.locked_paths = {plan.rootfs.upper_path, plan.rootfs.work_path};
    if (plan.rootfs.in_place()) plan.locked_paths = {plan.rootfs.lower.front()};
    // overlayfs says nothing of a layer that changes below it; a root that is only bound read-only may.
    if (plan.rootfs.overlay() && !facts.rootfs.sealed) plan.shared_paths = plan.rootfs.lower;
    for (const rootfs::Mount& mount : plan.rootfs.mounts) lock_overlay(mount, plan);
    if (facts.identity.ids.shifts()) plan.range_lock = fmt::format("/run/systemd/nspawn-uid/{}", facts.identity.ids.base);
    return plan;
}

}  // namespace holm::launch
