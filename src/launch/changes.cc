#include "launch/changes.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "launch/describe_property.h"
#include "launch/leaves.h"
#include "machine/cgroup_limit.h"
#include "machine/resources.h"
#include "network/steps.h"

namespace holm::launch {

namespace {

using network::Endpoint;
using rootfs::Mount;

// Of a unit that is there systemd takes them no more.
constexpr auto read_at_start = std::to_array<std::string_view>(
    {"After", "CollectMode", "Delegate", "KillMode", "KillSignal", "Requires", "SendSIGHUP", "Slice", "TimeoutStopUSec", "Wants"});
using Pair = std::pair<std::string_view, std::string_view>;
// Where the definition has another name for it.
constexpr auto definition_keys = std::to_array<Pair>({{"rootfs.ids", "security.users"},
                                                      {"rootfs.file./etc/resolv.conf", "identity.resolv_conf"},
                                                      {"rootfs.file./etc/localtime", "identity.timezone"},
                                                      {"rootfs.file", "identity.file"},
                                                      {"rootfs.mount", "mount"},
                                                      {"rootfs.", "root."},
                                                      {"payload.hostname", "identity.hostname"},
                                                      {"payload.health.check", "health"},
                                                      {"payload.health", "health"},
                                                      {"uuid", "identity.machine_id"}});

bool is_at_start(std::string_view property)
{
    return std::ranges::find(read_at_start, property) != read_at_start.end() || machine::is_read_at_load(property);
}

// Two plans that are compared, and what becomes of the first.
class Comparison {
public:
    Comparison(const Plan& running, const Plan& wanted, unsigned boots) : running_(running), wanted_(wanted), boots_(boots)
    {
        changes_.reachable = running;
    }
    Changes run() &&
    {
        compare_properties();
        compare_networks();
        compare_mounts();
        compare_devices();
        compare_rest();
        return std::move(changes_);
    }

private:
    void add(std::string key, std::string before, std::string after, Reach reach)
    {
        if (reach == Reach::Restart && running_.remove_at_end) reach = Reach::Impossible;
        changes_.all.push_back({std::move(key), std::move(before), std::move(after), reach});
    }
    void compare_properties();
    void compare_networks();
    void compare_endpoint(const Endpoint& before, const Endpoint& after);
    void compare_mounts();
    void compare_devices();
    void compare_rest();
    bool can_unmount(const Mount& mount) const;

    const Plan& running_;
    const Plan& wanted_;
    unsigned boots_;
    Changes changes_;
};

// -- properties of the unit -----------------------------------------------------------------------------------------------------------

using Properties = std::map<std::string, std::vector<UnitProperty>>;

Properties by_name(const Plan& plan)
{
    Properties all;
    for (const UnitProperty& property : plan.unit.properties) all[property.name].push_back(property);
    return all;
}

const std::vector<UnitProperty>& of(const Properties& all, const std::string& name)
{
    static const std::vector<UnitProperty> none;
    auto found = all.find(name);
    return found == all.end() ? none : found->second;
}

std::string describe_all(const std::vector<UnitProperty>& properties)
{
    std::string text;
    for (const UnitProperty& property : properties) {
        const std::string value = describe_property(property);
        if (properties.size() > 1 && value == "(none)") continue;  // what clears a list
        text += (text.empty() ? "" : ", ") + value;
    }
    return text;
}

std::set<std::string> changed_names(const Plan& from, const Plan& to)
{
    const Properties before = by_name(from), after = by_name(to);
    std::set<std::string> names;
    for (const auto& [name, values] : before)
        if (of(after, name) != values) names.insert(name);
    for (const auto& [name, values] : after)
        if (of(before, name) != values) names.insert(name);
    return names;
}

void Comparison::compare_properties()
{
    const Properties before = by_name(running_), after = by_name(wanted_);
    std::vector<UnitProperty>& reachable = changes_.reachable.unit.properties;
    for (const std::string& name : changed_names(running_, wanted_)) {
        if (name == "Slice") continue;                                                                    // unit.slice
        const bool is_told = name == "DeviceAllow" && running_.rootfs.devices != wanted_.rootfs.devices;  // by security.devices
        const Reach reach = is_at_start(name) ? Reach::Restart : Reach::Live;
        const char* table = name == "Description" ? "unit." : is_at_start(name) && !machine::is_read_at_load(name) ? "unit." : "resources.";
        if (!is_told) add(table + name, describe_all(of(before, name)), describe_all(of(after, name)), reach);
        if (reach != Reach::Live) continue;
        std::erase_if(reachable, [&](const UnitProperty& property) { return property.name == name; });
        const auto& values = of(after, name);
        reachable.insert(reachable.end(), values.begin(), values.end());
    }
    std::ranges::stable_sort(reachable, {}, &UnitProperty::name);
    changes_.reachable.unit.description = wanted_.unit.description;
}

// -- networks -------------------------------------------------------------------------------------------------------------------------

const Endpoint* find(const std::vector<Endpoint>& endpoints, const std::string& interface)
{
    auto found = std::ranges::find(endpoints, interface, &Endpoint::interface);
    return found == endpoints.end() ? nullptr : &*found;
}

std::string describe_wire(network::EndpointType type)
{
    switch (type) {
    case network::EndpointType::Bridge: return "bridge:";
    case network::EndpointType::Veth: return "veth";
    case network::EndpointType::Macvlan: return "macvlan:";
    case network::EndpointType::Ipvlan: return "ipvlan:";
    case network::EndpointType::Physical: return "physical:";
    }
    return "";
}

std::string describe_endpoint(const Endpoint& endpoint)
{
    std::string text = endpoint.network.empty() ? describe_wire(endpoint.type) + endpoint.parent : endpoint.network;
    for (const network::Cidr& address : endpoint.addresses) text += " " + network::describe(address);
    if (endpoint.mtu) text += fmt::format(" MTU {}", endpoint.mtu);
    return fmt::format("{} {}", text, network::describe(endpoint.mac));
}

std::string describe_rate(uint64_t rate)
{
    return rate ? fmt::format("{} bit/s", rate) : "";
}

std::string describe_ports(const Endpoint& endpoint)
{
    std::string text;
    for (const network::Publication& published : endpoint.published) text += (text.empty() ? "" : ", ") + network::describe(published);
    return text;
}

std::string joined(const std::vector<std::string>& words)
{
    return fmt::format("{}", fmt::join(words, ", "));
}

void Comparison::compare_endpoint(const Endpoint& before, const Endpoint& after)
{
    const std::string key = "network." + before.interface;
    if (!network::keeps_interface(before, after)) add(key, describe_endpoint(before), describe_endpoint(after), Reach::Live);
    auto field = [&](const char* name, const std::string& old_text, const std::string& new_text) {
        if (old_text != new_text) add(fmt::format("{}.{}", key, name), old_text, new_text, Reach::Live);
    };
    field("publish", describe_ports(before), describe_ports(after));
    field("ingress", describe_rate(before.ingress), describe_rate(after.ingress));
    field("egress", describe_rate(before.egress), describe_rate(after.egress));
    field("allow", joined(before.allow), joined(after.allow));
    field("deny", joined(before.deny), joined(after.deny));
    field("aliases", joined(before.aliases), joined(after.aliases));
}

void Comparison::compare_networks()
{
    const bool host_before = running_.network.kind == network::Kind::Host, host_after = wanted_.network.kind == network::Kind::Host;
    if (host_before && host_after) return;
    if (host_before || host_after) return add("network", host_before ? "host" : "its own", host_after ? "host" : "its own", Reach::Restart);
    const auto before = network::with_routes_in_use(running_.network.endpoints),
               after = network::with_routes_in_use(wanted_.network.endpoints);
    for (const Endpoint& endpoint : before) {
        const Endpoint* same = find(after, endpoint.interface);
        if (same) compare_endpoint(endpoint, *same);
        else add("network." + endpoint.interface, describe_endpoint(endpoint), "", Reach::Live);
    }
    for (const Endpoint& endpoint : after)
        if (!find(before, endpoint.interface)) add("network." + endpoint.interface, "", describe_endpoint(endpoint), Reach::Live);
    changes_.reachable.network = wanted_.network;
}

// -- mounts ---------------------------------------------------------------------------------------------------------------------------

Mount without_place(Mount mount)
{
    mount.key.clear();
    mount.live_boot = 0;
    return mount;
}

std::string describe_mount(const Mount& mount)
{
    std::string text = mount.source.empty() ? std::string(mount.type == machine::MountType::Tmpfs ? "tmpfs" : "inaccessible")
                                            : printable(mount.source, 4096);
    if (!mount.options.empty()) text += " " + mount.options;
    for (auto [flag, word] : {std::pair{mount.read_only, "read-only"},
                              {mount.nosuid, "nosuid"},
                              {mount.nodev, "nodev"},
                              {mount.noexec, "noexec"},
                              {!mount.recursive, "norec"},
                              {!mount.id_mapped && !mount.user && mount.type == machine::MountType::Bind, "ids of the host"}})
        if (flag) text += fmt::format(" {}", word);
    if (mount.user) text += fmt::format(" user {} as {}", mount.user->uid, mount.user->id);
    return text;
}

// Whose owner is a user of the host is mapped when the machine starts.
bool can_mount_live(const Mount& mount)
{
    return mount.type == machine::MountType::Bind && !mount.user;
}

// With a user namespace of its own what was there when the payload booted is locked by the kernel.
bool Comparison::can_unmount(const Mount& mount) const
{
    return mount.type == machine::MountType::Bind && (!running_.rootfs.ids.has_namespace() || mount.live_boot == boots_);
}

void Comparison::compare_mounts()
{
    std::vector<Mount>& reachable = changes_.reachable.rootfs.mounts;
    const auto& wanted = wanted_.rootfs.mounts;
    std::set<std::string> stuck;
    for (const Mount& mount : running_.rootfs.mounts) {
        auto same = std::ranges::find(wanted, mount.target, &Mount::target);
        if (same != wanted.end() && without_place(*same) == without_place(mount)) continue;
        const std::string after = same == wanted.end() ? "" : describe_mount(*same);
        const bool live = can_unmount(mount) && (same == wanted.end() || can_mount_live(*same));
        add("mount." + printable(mount.target, 4096), describe_mount(mount), after, live ? Reach::Live : Reach::Restart);
        if (!live) stuck.insert(mount.target);
        else std::erase_if(reachable, [&](const Mount& other) { return other.target == mount.target; });
    }
    for (const Mount& mount : wanted) {
        if (stuck.contains(mount.target) || std::ranges::find(reachable, mount.target, &Mount::target) != reachable.end()) continue;
        const bool live = can_mount_live(mount);
        if (std::ranges::find(running_.rootfs.mounts, mount.target, &Mount::target) == running_.rootfs.mounts.end())
            add("mount." + printable(mount.target, 4096), "", describe_mount(mount), live ? Reach::Live : Reach::Restart);
        if (!live) continue;
        reachable.push_back(mount);
        reachable.back().live_boot = boots_;
    }
}

// -- devices --------------------------------------------------------------------------------------------------------------------------

std::string describe_device(const rootfs::Device& device)
{
    return fmt::format("{} {}:{} {}:{} {:o} {}", device.block ? "block" : "char", device.major_number, device.minor_number, device.uid,
                       device.gid, device.mode, device.access);
}

void Comparison::compare_devices()
{
    const auto &before = running_.rootfs.devices, &after = wanted_.rootfs.devices;
    for (const rootfs::Device& device : before) {
        auto same = std::ranges::find(after, device.path, &rootfs::Device::path);
        if (same != after.end() && *same == device) continue;
        add("security.devices." + printable(device.path, 4096), describe_device(device), same == after.end() ? "" : describe_device(*same),
            Reach::Live);
    }
    for (const rootfs::Device& device : after)
        if (std::ranges::find(before, device.path, &rootfs::Device::path) == before.end())
            add("security.devices." + printable(device.path, 4096), "", describe_device(device), Reach::Live);
    changes_.reachable.rootfs.devices = after;
}

// -- all else: by the keys of the plan's own file -------------------------------------------------------------------------------------

std::string definition_key(const std::string& key)
{
    for (const auto& [plan, definition] : definition_keys)
        if (key.starts_with(plan)) return fmt::format("{}{}", definition, key.substr(plan.size()));
    return key;
}

void Comparison::compare_rest()
{
    Leaves before = leaves_of(running_, wanted_), after = leaves_of(wanted_, running_);
    std::set<std::string> keys;
    for (const auto& [key, value] : before) keys.insert(key);
    for (const auto& [key, value] : after) keys.insert(key);
    for (const std::string& key : keys) {
        const std::string &was = before[key], &is = after[key];
        if (was != is) add(definition_key(key), was, is, Reach::Restart);
    }
}

}  // namespace

Changes compare_plans(const Plan& running, const Plan& wanted, unsigned boots)
{
    return Comparison(running, wanted, boots).run();
}

std::vector<UnitProperty> properties_between(const Plan& from, const Plan& to)
{
    const std::set<std::string> names = changed_names(from, to);
    const Properties after = by_name(to);
    std::vector<UnitProperty> told;
    for (UnitProperty& initial : machine::resource_defaults())
        if (names.contains(initial.name) && (machine::is_list(initial) || of(after, initial.name).empty()))
            told.push_back(std::move(initial));
    // Of a scope the plan has what is allowed, and not what clears the list before.
    if (names.contains("DeviceAllow") && to.unit.kind == UnitKind::Scope) told.push_back({"DeviceAllow", UnitProperty::Pairs{}});
    for (const std::string& name : names) {
        if (machine::is_cgroup_limit(name) && of(after, name).empty()) told.push_back(machine::no_cgroup_limit(name));
        for (const UnitProperty& property : of(after, name)) told.push_back(property);
    }
    std::ranges::stable_sort(told, {}, &UnitProperty::name);
    return told;
}

std::string_view describe(Reach reach)
{
    switch (reach) {
    case Reach::Live: return "live";
    case Reach::Restart: return "needs restart";
    case Reach::Impossible: return "impossible";
    case Reach::Overridden: return "overridden";
    }
    return "";
}

std::string describe_changes(const std::string& machine, const std::vector<Change>& changes)
{
    if (changes.empty()) return fmt::format("Machine '{}' runs as its definition says.\n", machine);
    const bool runs_so = std::ranges::all_of(changes, [](const Change& change) { return change.reach == Reach::Overridden; });
    std::string text = fmt::format("Machine '{}' runs {} its definition says:\n", machine,
                                   runs_so ? "as it was set to run, which is not all that" : "otherwise than");
    size_t column = 0;
    for (const Change& change : changes) column = std::max(column, change.key.size());
    auto value = [](const std::string& shown) { return shown.empty() ? std::string("(none)") : shown; };
    for (const Change& change : changes)
        text += fmt::format("  {:<13}  {:<{}}  {} -> {}\n", describe(change.reach), change.key, column, value(change.before),
                            value(change.after));
    auto has = [&](Reach reach) { return std::ranges::find(changes, reach, &Change::reach) != changes.end(); };
    if (has(Reach::Live)) text += fmt::format("'holmctl apply {}' makes what is live.\n", machine);
    if (has(Reach::Restart)) text += fmt::format("'holmctl restart {}' makes all of it.\n", machine);
    if (has(Reach::Overridden)) text += "What is overridden was set by 'holmctl set' and the like, which wins: see holmctl(1).\n";
    if (has(Reach::Impossible)) text += "What is impossible is so because the machine is removed at its end: run another.\n";
    return text;
}

}  // namespace holm::launch
