#include "launch/unit_properties.h"

#include <csignal>

#include <algorithm>

#include "machine/resources.h"

namespace holm::launch {

namespace {

constexpr const char* default_tasks_max = "4096";

void append_resources(std::vector<UnitProperty>& properties, UnitKind kind, std::vector<UnitProperty> asked)
{
    if (kind == UnitKind::Service) {
        for (UnitProperty& initial : machine::resource_defaults()) {
            bool replaced = std::ranges::any_of(asked, [&](const auto& resource) { return resource.name == initial.name; });
            if (!replaced || machine::is_list(initial)) properties.push_back(std::move(initial));
        }
    }
    for (UnitProperty& resource : asked)
        if (kind == UnitKind::Scope || !machine::is_read_at_load(resource.name)) properties.push_back(std::move(resource));
}

// holm-setup makes the nodes within the unit, which takes "m"; in a user namespace of its own the machine has no use for it.
std::string access_of(const rootfs::Device& device, machine::UsersKind users)
{
    const bool makes = users == machine::UsersKind::Host || device.access.contains('m');
    return makes ? device.access : device.access + 'm';
}

// "closed" has null, zero, full, random, urandom, tty and ptmx; a machine's terminals are beside them. mknod of other devices
// fails in the machine's user namespace; this is the second gate, and the only one with users = "host".
void append_devices(std::vector<UnitProperty>& properties, UnitKind kind, machine::UsersKind users, const rootfs::Plan& root)
{
    properties.push_back({"DevicePolicy", "closed"});
    if (kind == UnitKind::Service) properties.push_back({"DeviceAllow", UnitProperty::Pairs{}});
    UnitProperty::Pairs allowed = {{"char-pts", "rw"}};
    for (const rootfs::Device& device : root.devices)
        allowed.emplace_back(fmt::format("/dev/{}/{}:{}", device.block ? "block" : "char", device.major_number, device.minor_number),
                             access_of(device, users));
    // holm-setup, in this unit, mounts them. A machine with ids of its own has no node of these and can make none.
    if (!root.disks.empty()) allowed.insert(allowed.end(), {{"/dev/loop-control", "rw"}, {"block-loop", "rw"}});
    properties.push_back({"DeviceAllow", std::move(allowed)});
}

// Order at the host's shutdown is the reverse of After=: machines stop while what serves them is still there.
void append_scope(std::vector<UnitProperty>& properties, const machine::Spec& spec, std::chrono::microseconds stop_timeout)
{
    UnitProperty::Strings after = {"dbus.service", "holmd.service", "systemd-machined.service"};
    for (const std::string& unit : spec.unit.after)
        if (std::ranges::find(after, unit) == after.end()) after.push_back(unit);
    properties.push_back({"Slice", spec.unit.slice});
    properties.push_back({"After", std::move(after)});
    if (!spec.unit.requires_.empty()) properties.push_back({"Requires", spec.unit.requires_});
    if (!spec.unit.wants.empty()) properties.push_back({"Wants", spec.unit.wants});
    properties.push_back({"CollectMode", "inactive-or-failed"});
    properties.push_back({"Delegate", true});
    // A stop of a scope signals all its processes. SIGCONT harms none; the supervisor takes it from PID 1 as the wish to stop.
    properties.push_back({"KillMode", "control-group"});
    properties.push_back({"KillSignal", int32_t{SIGCONT}});
    properties.push_back({"SendSIGHUP", false});
    properties.push_back({"TimeoutStopUSec", static_cast<uint64_t>((stop_timeout + stop_margin).count())});
}

}  // namespace

Result<std::vector<UnitProperty>> plan_resources(const machine::Spec& spec, const Defaults& defaults)
{
    std::vector<std::pair<std::string, std::string>> assignments = {{"TasksMax", default_tasks_max}};
    assignments.insert(assignments.end(), defaults.resources.begin(), defaults.resources.end());
    assignments.insert(assignments.end(), spec.resources.begin(), spec.resources.end());
    return machine::parse_resources(assignments);
}

std::string describe_unit(const machine::Spec& spec)
{
    const std::string name = "Machine " + spec.name.text();
    return spec.description.empty() ? name : fmt::format("{}: {}", name, spec.description);
}

Result<std::vector<UnitProperty>> plan_unit_properties(const machine::Spec& spec, const Request& request,
                                                       std::chrono::microseconds stop_timeout, const rootfs::Plan& root)
{
    std::vector<UnitProperty> properties;
    properties.push_back({"Description", describe_unit(spec)});
    if (request.unit == UnitKind::Scope) append_scope(properties, spec, stop_timeout);
    append_devices(properties, request.unit, spec.security.users.kind, root);
    append_resources(properties, request.unit, TRY(plan_resources(spec, request.defaults)));
    // systemd 252 writes a drop-in for each of a service's and asks for a daemon-reload where they were not set in the order of those
    // files' names. Of two of one name the later wins, so their order is kept.
    std::ranges::stable_sort(properties, {}, &UnitProperty::name);
    return properties;
}

}  // namespace holm::launch
