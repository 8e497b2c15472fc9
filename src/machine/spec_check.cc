// check_consistent: rules over more than one key; check_supported: what the machine's isolation can do.
#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "machine/grammar.h"
#include "machine/resources.h"
#include "machine/spec_file.h"
#include "machine/spec_schema.h"

namespace holm::machine {

namespace {

// "FILE:LINE:COLUMN: 'root.upper': …" of a key that may have come from a default.
template <typename... Args>
Error at(const Spec& spec, std::string_view key, fmt::format_string<Args...> format, Args&&... args)
{
    auto origin = spec.origins.find(std::string(key));
    std::string position = origin == spec.origins.end() ? "" : describe_position(origin->second);
    return error(Errc::Invalid, "{}'{}': {}", position, key, fmt::format(format, std::forward<Args>(args)...));
}

// By their text alone; that two paths are the same folder is found out with the kernel's help (rootfs/observe).
Result<> check_layers(const Spec& spec)
{
    const RootSpec& root = spec.root;
    std::vector<std::pair<std::string, std::string>> layers;  // key, path
    if (!root.path.empty()) layers.emplace_back("root.path", root.path);
    for (size_t i = 0; i < root.lower.size(); ++i) layers.emplace_back(fmt::format("root.lower[{}]", i), root.lower[i]);
    std::set<std::string_view> seen;
    for (const auto& [key, path] : layers) {
        if (!seen.insert(path).second) return at(spec, key, "'{}' is in the list twice", printable(path));
        for (const auto& [other_key, other] : layers)
            if (path != other && is_within(path, other))
                return at(spec, key, "'{}' lies inside {} '{}'", printable(path), other_key, printable(other));
        if (root.upper.empty()) continue;
        if (path == root.upper) return at(spec, "root.upper", "'{}' is {} too", printable(path), key);
        if (is_within(path, root.upper)) return at(spec, key, "'{}' lies inside root.upper '{}'", printable(path), printable(root.upper));
    }
    return {};
}

Result<> check_root(const Spec& spec)
{
    const RootSpec& root = spec.root;
    const int given = !root.path.empty() + !root.image.empty() + !root.lower.empty();
    if (given == 0) return at(spec, "root", "one of path, image and lower must be given");
    if (given > 1) {
        std::string_view second = !root.lower.empty() ? "root.lower" : "root.image";
        return at(spec, second, "only one of path, image and lower can be given");
    }
    if (!root.upper.empty() && (root.mode == RootMode::ReadOnly || root.mode == RootMode::Volatile))
        return at(spec, "root.upper", "nothing is written to it with root.mode = \"{}\"",
                  root.mode == RootMode::ReadOnly ? "read-only" : "volatile");
    const bool in_place = root.mode == RootMode::Persistent && !root.path.empty() && root.upper.empty();
    if (root.size && (root.mode == RootMode::ReadOnly || root.mode == RootMode::Volatile || in_place))
        return at(spec, "root.size", "is the cap of an upper, and this root has none");
    if (root.size && *root.size == 0) return at(spec, "root.size", "must be more than 0");
    return check_layers(spec);
}

Result<> check_payload(const Spec& spec)
{
    const PayloadSpec& payload = spec.payload;
    if (!payload.command.empty() && payload.command[0].empty() && !payload.boot.value_or(false))
        return at(spec, "payload.command", "its first element, the program, is empty");
    if (payload.boot == false && payload.command.empty()) return at(spec, "payload.boot", "is false, and there is no payload.command");
    if (payload.init && boots(payload)) return at(spec, "payload.init", "is for a payload.command; this machine boots its root's own init");
    if (payload.start_timeout == Microseconds(0)) return at(spec, "payload.start_timeout", "must be more than 0");
    if (payload.restart_delay > std::chrono::hours(1)) return at(spec, "payload.restart_delay", "must be at most one hour");
    return {};
}

Result<> check_mount_option(const Spec& spec, const MountSpec& mount, const std::string& option, const std::string& key)
{
    const bool overlay = mount.type == MountType::Overlay, tmpfs = mount.type == MountType::Tmpfs;
    if ((option.starts_with("lower=") || option.starts_with("upper=")) && !overlay)
        return at(spec, key, "'{}' is an option of an overlay", printable(option, 80));
    if (option.starts_with("mode=") && !tmpfs) return at(spec, key, "'{}' is an option of a tmpfs", option);
    if (option.starts_with("size=") && !tmpfs && !overlay) return at(spec, key, "'{}' is an option of a tmpfs or an overlay", option);
    if (option.starts_with("upper=") && mount.read_only) return at(spec, key, "a read-only overlay has no upper: make it a lower");
    return {};
}

Result<> check_mount(const Spec& spec, const MountSpec& mount, const std::string& key)
{
    auto sub = [&](std::string_view name) { return fmt::format("{}.{}", key, name); };
    const bool source = mount.type != MountType::Tmpfs && mount.type != MountType::Inaccessible;
    if (mount.target.empty()) return at(spec, key, "has no target");
    if (mount.target == "/") return at(spec, sub("target"), "is the root itself: see the table [root]");
    if (source && mount.source.empty()) return at(spec, key, "has no source");
    if (!source && !mount.source.empty()) return at(spec, sub("source"), "a mount of this type has none");
    if (source && mount.type != MountType::Image && (mount.type == MountType::Volume) == mount.source.starts_with('/'))
        return at(spec, sub("source"), "'{}' must be {}", printable(mount.source),
                  mount.type == MountType::Volume ? "the name of a volume" : "an absolute path");
    for (const std::string& option : mount.options) TRY(check_mount_option(spec, mount, option, sub("options")));
    if (mount.type == MountType::Overlay && mount.owner != MountOwner::Machine)
        return at(spec, sub("owner"), "of an overlay is the machine: give its layers to others by binds");
    if (!source && mount.owner != MountOwner::Machine) return at(spec, sub("owner"), "a mount of this type has no ids to map");
    return {};
}

Result<> check_lists(const Spec& spec)
{
    std::set<std::string_view> targets, credentials;
    for (size_t i = 0; i < spec.mounts.size(); ++i) {
        const std::string key = fmt::format("mount[{}]", i);
        TRY(check_mount(spec, spec.mounts[i], key));
        if (!targets.insert(spec.mounts[i].target).second)
            return at(spec, key + ".target", "'{}' is the target of another mount", printable(spec.mounts[i].target));
    }
    for (size_t i = 0; i < spec.credentials.size(); ++i) {
        const CredentialSpec& credential = spec.credentials[i];
        const std::string key = fmt::format("credential[{}]", i);
        if (credential.name.empty() || credential.file.empty() == credential.value.empty())
            return at(spec, key, "needs a name, and either a file or a value");
        if (!credentials.insert(credential.name).second) return at(spec, key + ".name", "'{}' is given twice", credential.name);
    }
    for (size_t i = 0; i < spec.networks.size(); ++i) {
        const std::string key = fmt::format("network[{}]", i), &network = spec.networks[i].network;
        if (network.empty()) return at(spec, key, "has no network");
        if ((network == "none" || network == "host") && spec.networks.size() > 1)
            return at(spec, key + ".network", "'{}' excludes every other network", network);
        if ((network == "none" || network == "host") && spec.networks[i] != NetworkSpec{.network = network})
            return at(spec, key + ".network", "with '{}' there is nothing else to say of it: leave out the other keys", network);
    }
    return {};
}

Result<> check_rest(const Spec& spec)
{
    for (const std::string& name : spec.security.capabilities_drop)
        if (std::ranges::find(spec.security.capabilities_add, name) != spec.security.capabilities_add.end())
            return at(spec, "security.capabilities.drop", "{} is in both lists", name);
    if (spec.health) {
        const HealthSpec& health = *spec.health;
        if (!health.command.empty() + health.port.has_value() + !health.unit.empty() != 1)
            return at(spec, "health", "exactly one of command, port and unit must be given");
        if (health.interval < HealthSpec::shortest)
            return at(spec, "health.interval", "must be at least {}: a check each time takes CPU of the host",
                      describe_duration(HealthSpec::shortest));
        if (health.timeout < HealthSpec::shortest)
            return at(spec, "health.timeout", "must be at least {}: no check ends in less on a host that is busy",
                      describe_duration(HealthSpec::shortest));
    }
    return {};
}

constexpr std::string_view own_kernel = "the kernel that its programs see is the sandbox's own", one_command = "a sandbox runs one command";

// What a sandbox cannot do: the first key that asks for it, and why.
std::pair<std::string_view, std::string_view> find_refused_by_sandbox(const Spec& spec)
{
    const PayloadSpec& payload = spec.payload;
    const SecuritySpec& security = spec.security;
    const bool calls = security.syscall_profile != "default" || security.syscalls_log || !security.syscalls_allow.empty() ||
                       !security.syscalls_deny.empty();
    const std::tuple<bool, std::string_view, std::string_view> refused[] = {
        // An image may bring a command.
        {boots(payload) && (payload.boot.has_value() || spec.root.image.empty()), "payload.boot", one_command},
        {payload.init, "payload.init", one_command},
        {payload.ready.kind == ReadyKind::Notify, "payload.ready", "no socket of the host is reached from within"},
        {payload.ready.kind == ReadyKind::Unit, "payload.ready", one_command},
        {security.users.kind == UsersKind::Host, "security.users", "the sandbox itself must not be root of the host"},
        {calls, "security.syscalls", own_kernel},
        {!security.devices.empty(), "security.devices", own_kernel},
        {security.nesting, "security.nesting", own_kernel},
        {!security.apparmor.empty(), "security.apparmor", own_kernel},
        {!security.selinux.empty(), "security.selinux", own_kernel},
        {!security.sysctl.empty(), "security.sysctl", own_kernel},
        {security.boottime_offset || security.monotonic_offset, "security.time_offset", own_kernel},
    };
    for (const auto& [asked, key, why] : refused)
        if (asked) return {key, why};
    return {};
}

}  // namespace

Result<> check_consistent(const Spec& spec)
{
    TRY(check_root(spec));
    TRY(check_payload(spec));
    TRY(check_lists(spec));
    return check_rest(spec);
}

Result<> check_supported(const Spec& spec)
{
    if (runtime_of(spec.security).empty()) return {};
    const auto [key, why] = find_refused_by_sandbox(spec);
    if (key.empty()) return {};
    return error(Errc::NotSupported, "'{}' does not go with isolation = \"{}\": {}; leave out one of the two{}", key,
                 spec.security.isolation, why, describe_origin(spec, key));
}

}  // namespace holm::machine
