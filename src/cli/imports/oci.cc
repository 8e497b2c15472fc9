// config.json of an OCI bundle: the runtime specification's.
#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/imports/import.h"
#include "machine/grammar.h"
#include "machine/identifiers.h"

namespace holm::cli {

namespace {

using Json = nlohmann::json;

// Null where it is not there or `in` is no object.
const Json& at(const Json& in, const char* key)
{
    static const Json nothing;
    if (!in.is_object()) return nothing;
    auto found = in.find(key);
    return found == in.end() ? nothing : *found;
}

std::string text_of(const Json& value)
{
    return value.is_string() ? value.get<std::string>() : std::string();
}

std::vector<std::string> strings_of(const Json& value)
{
    std::vector<std::string> texts;
    if (value.is_array())
        for (const Json& item : value)
            if (item.is_string()) texts.push_back(item.get<std::string>());
    return texts;
}

std::string shown(const char* key, const Json& value)
{
    return fmt::format("{}: {}", key, printable(value.dump(-1, ' ', false, Json::error_handler_t::replace), 120));
}

void take_process(Imported& into, const Json& process)
{
    machine::PayloadSpec& payload = into.spec.payload;
    payload.command = strings_of(at(process, "args"));
    if (const std::string folder = text_of(at(process, "cwd")); !folder.empty())
        into.take("process.cwd", machine::parse_path(folder), [&](std::string path) { payload.working_directory = std::move(path); });
    for (const std::string& variable : strings_of(at(process, "env")))
        into.take("process.env " + printable(variable), parse_variable(variable), [&](auto parsed) {
            if (parsed.first != "PATH" && parsed.first != "TERM") payload.environment.push_back(std::move(parsed));
        });
    const Json& user = at(process, "user");
    if (at(user, "uid").is_number_unsigned() && at(user, "uid") != 0)
        payload.user = fmt::format("{}:{}", at(user, "uid").get<uint64_t>(),
                                   at(user, "gid").is_number_unsigned() ? at(user, "gid").get<uint64_t>() : 0);
    if (!at(user, "additionalGids").is_null())
        into.drop(shown("process.user.additionalGids", at(user, "additionalGids")), "groups are those of the machine's own /etc/group");
    if (at(process, "noNewPrivileges").is_boolean()) into.spec.security.no_new_privileges = at(process, "noNewPrivileges").get<bool>();
    if (at(process, "oomScoreAdj").is_number_integer())
        into.spec.security.oom_score_adjust = std::clamp(at(process, "oomScoreAdj").get<int>(), -1000, 1000);
    if (const std::string profile = text_of(at(process, "apparmorProfile")); !profile.empty()) into.spec.security.apparmor = profile;
    if (const std::string label = text_of(at(process, "selinuxLabel")); !label.empty()) into.spec.security.selinux = label;
    take_capabilities(into, "process.capabilities.bounding", strings_of(at(at(process, "capabilities"), "bounding")), true);
    const Json& limits = at(process, "rlimits");
    for (const Json& limit : limits.is_array() ? limits : Json::array()) {
        const std::string name = text_of(at(limit, "type"));
        if (!name.starts_with("RLIMIT_") || !at(limit, "soft").is_number_unsigned() || !at(limit, "hard").is_number_unsigned()) continue;
        auto known = machine::parse_limit_name(name.substr(7));
        if (known) into.spec.security.rlimits[*known] = {at(limit, "soft").get<uint64_t>(), at(limit, "hard").get<uint64_t>()};
        else into.drop("process.rlimits " + name, known.error().text);
    }
}

std::string absolute(const std::string& path, const std::string& folder)
{
    return path.starts_with('/') ? path : folder + "/" + path;
}

// What every machine has of its own.
constexpr auto own_targets =
    std::to_array<std::string_view>({"/proc", "/sys", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys/fs/cgroup", "/run"});

void take_mounts(Imported& into, const Json& mounts, const std::string& folder)
{
    for (const Json& found : mounts.is_array() ? mounts : Json::array()) {
        const std::string target = text_of(at(found, "destination")), type = text_of(at(found, "type"));
        const std::vector<std::string> options = strings_of(at(found, "options"));
        auto has = [&](const char* option) { return std::ranges::find(options, option) != options.end(); };
        machine::MountSpec mount{.source = text_of(at(found, "source")), .target = target, .read_only = has("ro")};
        if (type == "bind" || has("bind") || has("rbind")) {
            mount.source = absolute(mount.source, folder);
            if (!has("rbind")) mount.options.emplace_back("norec");
        } else if (std::ranges::find(own_targets, target) != own_targets.end()) continue;
        else if (type == "tmpfs") mount.type = machine::MountType::Tmpfs;
        else {
            into.drop(fmt::format("mount of {} on {}", printable(type), printable(target)), "only binds and tmpfs have a counterpart");
            continue;
        }
        for (const std::string& option : options)
            if (option == "nosuid" || option == "nodev" || option == "noexec" ||
                (mount.type == machine::MountType::Tmpfs && (option.starts_with("size=") || option.starts_with("mode="))))
                mount.options.push_back(option);
        take_mount(into, "mount on " + printable(target), std::move(mount));
    }
}

void take_resources(Imported& into, const Json& resources)
{
    auto number = [](const Json& value) { return value.is_number_integer() && value.get<int64_t>() > 0 ? value.get<int64_t>() : 0; };
    const Json &memory = at(resources, "memory"), &cpu = at(resources, "cpu");
    if (int64_t limit = number(at(memory, "limit"))) take_resource(into, "memory.limit", "MemoryMax", fmt::format("{}", limit));
    if (int64_t limit = number(at(memory, "reservation"))) take_resource(into, "memory.reservation", "MemoryLow", fmt::format("{}", limit));
    if (int64_t limit = number(at(at(resources, "pids"), "limit"))) take_resource(into, "pids.limit", "TasksMax", fmt::format("{}", limit));
    const int64_t quota = number(at(cpu, "quota")), period = number(at(cpu, "period"));
    if (quota) take_resource(into, "cpu.quota", "CPUQuota", fmt::format("{}%", quota * 100 / (period ? period : 100000)));
    if (int64_t shares = number(at(cpu, "shares")))
        take_resource(into, "cpu.shares", "CPUWeight", fmt::format("{}", std::clamp<int64_t>(1 + (shares - 2) * 9999 / 262142, 1, 10000)));
    if (const std::string cpus = text_of(at(cpu, "cpus")); !cpus.empty()) take_resource(into, "cpu.cpus", "AllowedCPUs", cpus);
    if (const std::string nodes = text_of(at(cpu, "mems")); !nodes.empty()) take_resource(into, "cpu.mems", "AllowedMemoryNodes", nodes);
    for (const char* key : {"blockIO", "hugepageLimits", "network", "rdma", "unified"})
        if (!at(resources, key).is_null())
            into.drop(shown(key, at(resources, key)), "write it as a property of systemd.resource-control(5)");
}

void take_linux(Imported& into, const Json& part)
{
    take_resources(into, at(part, "resources"));
    const Json& maps = at(part, "uidMappings");
    if (maps.is_array() && maps.size() == 1 && at(maps[0], "containerID") == 0 && at(maps[0], "hostID").is_number_unsigned() &&
        at(maps[0], "size").is_number_unsigned())
        into.take(shown("uidMappings", maps),
                  machine::parse_users(fmt::format("{}:{}", at(maps[0], "hostID").get<uint64_t>(), at(maps[0], "size").get<uint64_t>())),
                  [&](const machine::Users& users) { into.spec.security.users = users; });
    else if (!maps.is_null()) into.drop(shown("uidMappings", maps), "the ids of a machine are one range that begins with 0");
    bool has_network = false;
    const Json& spaces = at(part, "namespaces");
    for (const Json& space : spaces.is_array() ? spaces : Json::array()) {
        if (text_of(at(space, "type")) == "network") has_network = true;
        if (!at(space, "path").is_null()) into.drop(shown("namespaces", space), "namespaces of others are not joined");
    }
    into.spec.networks = {{.network = has_network ? "none" : "host"}};
    const Json& sysctl = at(part, "sysctl");
    if (sysctl.is_object())
        for (auto& [name, value] : sysctl.items())
            into.take("sysctl " + name, machine::parse_sysctl_name(name),
                      [&](const std::string& known) { into.spec.security.sysctl[known] = text_of(value); });
    const Json& devices = at(part, "devices");
    for (const Json& device : devices.is_array() ? devices : Json::array())
        into.take(shown("devices", device), machine::parse_device(text_of(at(device, "path"))),
                  [&](std::string path) { into.spec.security.devices.push_back(std::move(path)); });
    if (const std::string label = text_of(at(part, "mountLabel")); !label.empty()) into.spec.security.selinux_mounts = label;
    for (const char* key : {"seccomp", "cgroupsPath", "rootfsPropagation", "intelRdt", "personality", "timeOffsets"})
        if (!at(part, key).is_null()) into.drop(shown(key, at(part, key)), "holm has its own");
    for (const char* key : {"maskedPaths", "readonlyPaths"})
        if (!at(part, key).is_null())
            into.drop(shown(key, at(part, key)), "what of /proc and /sys is hidden is holm's own, and more than this");
}

}  // namespace

Result<Imported> import_oci(const std::string& text, const std::string& folder)
{
    const Json document = Json::parse(text, nullptr, false);
    if (document.is_discarded()) return error(Errc::Invalid, "it is no JSON");
    if (!at(document, "ociVersion").is_string())
        return error(Errc::Invalid, "it is no config.json of an OCI bundle: it has no 'ociVersion'");
    Imported imported;
    const Json& root = at(document, "root");
    if (const std::string path = text_of(at(root, "path")); !path.empty())
        imported.take("root.path", machine::parse_path(absolute(path, folder)),
                      [&](std::string found) { imported.spec.root.path = std::move(found); });
    if (at(root, "readonly") == true) imported.spec.root.mode = machine::RootMode::ReadOnly;
    if (const std::string name = text_of(at(document, "hostname")); !name.empty())
        imported.take("hostname", machine::parse_hostname(name),
                      [&](std::string host) { imported.spec.identity.hostname = std::move(host); });
    take_process(imported, at(document, "process"));
    take_mounts(imported, at(document, "mounts"), folder);
    take_linux(imported, at(document, "linux"));
    if (!at(document, "hooks").is_null()) imported.drop(shown("hooks", at(document, "hooks")), "nothing of a bundle runs on the host");
    if (!at(document, "annotations").is_null())
        imported.drop(shown("annotations", at(document, "annotations")), "they are words for other programs");
    return imported;
}

}  // namespace holm::cli
