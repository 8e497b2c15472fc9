// Compose files: the common part of the compose specification. The only file that knows yaml-cpp.
#include <algorithm>
#include <array>

#include <yaml-cpp/yaml.h>

#include "base/text.h"
#include "cli/imports/import.h"
#include "machine/grammar.h"
#include "machine/identifiers.h"
#include "machine/network_grammar.h"

namespace holm::cli {

namespace {

using Yaml = YAML::Node;

constexpr size_t max_expansion = 100'000;  // nodes of a file with its aliases followed,
constexpr unsigned max_depth = 32;         // and how deep: an alias may stand in what it names

// More than max_expansion: too many, or too deep.
size_t count_nodes(const Yaml& node, size_t so_far, unsigned depth)
{
    if (++so_far > max_expansion || depth > max_depth) return max_expansion + 1;
    if (node.IsSequence())
        for (const Yaml& item : node) so_far = count_nodes(item, so_far, depth + 1);
    if (node.IsMap())
        for (const auto& pair : node) so_far = count_nodes(pair.second, so_far, depth + 1);
    return so_far;
}

std::string text_of(const Yaml& node)
{
    return node && node.IsScalar() ? node.Scalar() : std::string();
}

// A list, or one text.
std::vector<std::string> strings_of(const Yaml& node)
{
    std::vector<std::string> texts;
    if (!node) return texts;
    if (node.IsScalar()) texts.push_back(node.Scalar());
    if (node.IsSequence())
        for (const Yaml& item : node) texts.push_back(text_of(item));
    return texts;
}

// "K=V" each, of a list or a table.
std::vector<std::string> pairs_of(const Yaml& node)
{
    if (!node || !node.IsMap()) return strings_of(node);
    std::vector<std::string> pairs;
    for (const auto& pair : node) pairs.push_back(text_of(pair.first) + "=" + text_of(pair.second));
    return pairs;
}

Result<std::vector<std::string>> command_of(const Yaml& node)
{
    if (node && node.IsScalar()) return split_words(node.Scalar());
    return strings_of(node);
}

std::string absolute(std::string path, const std::string& folder)
{
    if (path.starts_with("./")) path.erase(0, 2);
    if (path == ".") return folder;
    return path.starts_with('/') ? path : folder + "/" + path;
}

// "SRC:DST[:ro]", or a table.
void take_volume(Imported& into, const Yaml& node, const std::string& folder)
{
    machine::MountSpec mount;
    std::string type = "bind", setting = "volumes";
    if (node.IsMap()) {
        type = text_of(node["type"]);
        mount.source = text_of(node["source"]);
        mount.target = text_of(node["target"]);
        mount.read_only = text_of(node["read_only"]) == "true";
        setting += ": " + printable(mount.target);
    } else {
        const std::vector<std::string_view> parts = split(node.Scalar(), ':');
        setting += ": " + printable(node.Scalar());
        if (parts.size() < 2) return into.drop(setting, "a volume without a name: a mount of type volume, or a folder of the host");
        mount.source = parts[0];
        mount.target = parts[1];
        mount.read_only = parts.size() > 2 && parts[2].find("ro") != std::string_view::npos;
        if (!mount.source.starts_with('/') && !mount.source.starts_with('.') && !mount.source.starts_with('~')) type = "volume";
    }
    if (mount.source.starts_with('~')) return into.drop(setting, "'~' is nobody's home here: write the path");
    if (type == "volume") mount.type = machine::MountType::Volume;
    else if (type == "tmpfs") mount.type = machine::MountType::Tmpfs;
    else if (type == "bind") mount.source = absolute(mount.source, folder);
    else return into.drop(setting, "mounts of this type have no counterpart");
    take_mount(into, setting, std::move(mount));
}

void take_port(Imported& into, const Yaml& node)
{
    std::string text = text_of(node);
    if (node.IsMap())
        text = fmt::format("{}:{}/{}", text_of(node["published"]), text_of(node["target"]),
                           node["protocol"] ? text_of(node["protocol"]) : "tcp");
    const std::string setting = "ports: " + printable(text);
    if (text.find(':') == std::string::npos) return into.drop(setting, "a port of the host's choice: write which");
    into.take(setting, machine::parse_publication(text),
              [&](std::string port) { first_network(into, "holm0").publish.push_back(std::move(port)); });
}

void take_networks(Imported& into, const Yaml& service)
{
    const std::string mode = text_of(service["network_mode"]);
    if (mode == "host" || mode == "none") into.spec.networks = {{.network = mode}};
    else if (!mode.empty() && mode != "bridge" && mode != "default")
        into.drop("network_mode: " + printable(mode), "a machine has a network of its own, the host's, or none");
    const Yaml networks = service["networks"];
    if (networks && networks.IsMap()) {
        for (const auto& pair : networks)
            into.drop("networks: " + printable(text_of(pair.first)), "the machine is on holm0: define the network and name it");
    } else
        for (const std::string& name : strings_of(networks))
            into.drop("networks: " + printable(name), "the machine is on holm0: define the network and name it");
    first_network(into, "holm0");
}

// "CMD", "/x", …; "CMD-SHELL", "line"; or a line.
void take_health(Imported& into, const Yaml& check)
{
    if (!check || !check.IsMap() || text_of(check["disable"]) == "true") return;
    std::vector<std::string> test = strings_of(check["test"]);
    if (test.empty() || test[0] == "NONE") return;
    machine::HealthSpec health;
    if (test[0] == "CMD") health.command.assign(test.begin() + 1, test.end());
    else health.command = {"/bin/sh", "-c", test.back()};
    auto duration = [&](const char* key, machine::Microseconds& put) {  // 0 is the default there
        if (check[key])
            into.take(std::string("healthcheck.") + key, machine::parse_duration(text_of(check[key])), [&](machine::Microseconds time) {
                if (time.count() > 0) put = std::max(time, machine::HealthSpec::shortest);
            });
    };
    duration("interval", health.interval);
    duration("timeout", health.timeout);
    if (auto retries = parse_number(text_of(check["retries"]), 1000)) health.retries = static_cast<unsigned>(*retries);
    if (check["start_period"]) into.drop("healthcheck.start_period", "checks begin when the machine is ready");
    if (!health.command.empty() && !health.command[0].starts_with('/'))
        return into.drop("healthcheck.test", "its command is no absolute path");
    into.spec.health = std::move(health);
}

std::string in_bytes(std::string text)
{
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::toupper(c); });
    if (text.ends_with('B')) text.pop_back();
    return text;
}

void take_cpus(Imported& into, const std::string& setting, const std::string& text)
{
    char* end = nullptr;
    const double cpus = ::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0' || !(cpus > 0 && cpus < 10000)) return into.drop(setting, "it is no number of processors");
    take_resource(into, setting, "CPUQuota", fmt::format("{}%", static_cast<unsigned>(cpus * 100)));
}

void take_resources(Imported& into, const Yaml& service)
{
    if (service["mem_limit"]) take_resource(into, "mem_limit", "MemoryMax", in_bytes(text_of(service["mem_limit"])));
    if (service["cpus"]) take_cpus(into, "cpus", text_of(service["cpus"]));
    if (service["pids_limit"]) take_resource(into, "pids_limit", "TasksMax", text_of(service["pids_limit"]));
    if (service["cpuset"]) take_resource(into, "cpuset", "AllowedCPUs", text_of(service["cpuset"]));
    const Yaml deploy = service["deploy"];
    if (!deploy || !deploy.IsMap()) return;
    const Yaml resources = deploy["resources"];
    if (resources && resources.IsMap() && resources["limits"] && resources["limits"].IsMap()) {
        const Yaml limits = resources["limits"];
        if (limits["memory"]) take_resource(into, "deploy.resources.limits.memory", "MemoryMax", in_bytes(text_of(limits["memory"])));
        if (limits["cpus"]) take_cpus(into, "deploy.resources.limits.cpus", text_of(limits["cpus"]));
        if (limits["pids"]) take_resource(into, "deploy.resources.limits.pids", "TasksMax", text_of(limits["pids"]));
    }
    if (deploy["replicas"] && text_of(deploy["replicas"]) != "1")
        into.drop("deploy.replicas", "a definition is one machine: import it under several names");
}

void take_restart(Imported& into, const std::string& text)
{
    if (text == "always" || text == "unless-stopped") into.spec.payload.restart = machine::Restart::Always;
    else if (text.starts_with("on-failure")) into.spec.payload.restart = machine::Restart::OnFailure;
    else if (!text.empty() && text != "no")
        into.drop("restart: " + printable(text), "it is none of no, always, on-failure, unless-stopped");
}

void take_limits(Imported& into, const Yaml& limits)
{
    if (!limits || !limits.IsMap()) return;
    for (const auto& pair : limits) {
        std::string name = text_of(pair.first);
        std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::toupper(c); });
        const std::string value =
            pair.second.IsMap() ? text_of(pair.second["soft"]) + ":" + text_of(pair.second["hard"]) : text_of(pair.second);
        into.take("ulimits." + name, machine::parse_limit(name, value == "-1" ? "infinity" : value),
                  [&](auto limit) { into.spec.security.rlimits[name] = limit; });
    }
}

void take_payload(Imported& into, const Yaml& service)
{
    machine::PayloadSpec& payload = into.spec.payload;
    for (const char* key : {"entrypoint", "command"})
        into.take(key, command_of(service[key]),
                  [&](std::vector<std::string> words) { payload.command.insert(payload.command.end(), words.begin(), words.end()); });
    if (payload.command.empty()) into.drop("command", "the image's own is not known here: without one the root's init is booted");
    for (const std::string& text : pairs_of(service["environment"]))
        into.take("environment: " + printable(text), parse_variable(text),
                  [&](auto variable) { payload.environment.push_back(std::move(variable)); });
    if (service["user"])
        into.take("user", machine::parse_user(text_of(service["user"])), [&](std::string user) { payload.user = std::move(user); });
    if (service["working_dir"])
        into.take("working_dir", machine::parse_path(text_of(service["working_dir"])),
                  [&](std::string path) { payload.working_directory = std::move(path); });
    if (service["stop_signal"])
        into.take("stop_signal", machine::parse_signal(text_of(service["stop_signal"])), [&](int signal) { payload.stop_signal = signal; });
    if (service["stop_grace_period"])
        into.take("stop_grace_period", machine::parse_duration(text_of(service["stop_grace_period"])),
                  [&](machine::Microseconds time) { payload.stop_timeout = time; });
    payload.init = text_of(service["init"]) == "true";
    take_restart(into, text_of(service["restart"]));
}

void take_security(Imported& into, const Yaml& service)
{
    take_capabilities(into, "cap_add", strings_of(service["cap_add"]), true);
    take_capabilities(into, "cap_drop", strings_of(service["cap_drop"]), false);
    for (const std::string& device : strings_of(service["devices"]))
        into.take("devices: " + printable(device), machine::parse_device(device.substr(0, device.find(':'))),
                  [&](std::string path) { into.spec.security.devices.push_back(std::move(path)); });
    for (const std::string& text : pairs_of(service["sysctls"]))
        into.take("sysctls: " + printable(text), machine::parse_sysctl_name(text.substr(0, text.find('='))), [&](const std::string& name) {
            into.spec.security.sysctl[name] = text.find('=') == std::string::npos ? "" : text.substr(text.find('=') + 1);
        });
    for (const std::string& option : strings_of(service["security_opt"]))
        if (option.starts_with("no-new-privileges")) into.spec.security.no_new_privileges = true;
        else into.drop("security_opt: " + printable(option), "filters and profiles are holm's own");
    if (text_of(service["privileged"]) == "true")
        into.drop("privileged: true", "no machine has all privileges: name the capabilities and devices that it needs");
    take_limits(into, service["ulimits"]);
}

constexpr auto known = std::to_array<std::string_view>(
    {"image",    "entrypoint", "command",      "environment", "user",     "working_dir",    "stop_signal",  "stop_grace_period",
     "init",     "restart",    "cap_add",      "cap_drop",    "devices",  "sysctls",        "security_opt", "privileged",
     "ulimits",  "mem_limit",  "cpus",         "pids_limit",  "cpuset",   "deploy",         "volumes",      "tmpfs",
     "ports",    "networks",   "network_mode", "healthcheck", "hostname", "container_name", "labels",       "depends_on",
     "read_only"});

void take_rest(Imported& into, const Yaml& service)
{
    for (const auto& pair : service) {
        const std::string key = text_of(pair.first);
        if (std::ranges::find(known, key) != known.end()) continue;
        if (key == "build") into.drop("build", "nothing is built here: build the image, and import it");
        else into.drop(printable(key), "it has no counterpart");
    }
}

Imported import_service(const std::string& name, const Yaml& service, const std::string& folder)
{
    Imported into;
    into.spec.name = name_made_of(service["container_name"] ? text_of(service["container_name"]) : name);
    if (const std::string image = text_of(service["image"]); !image.empty()) {
        std::string file = image.substr(image.rfind('/') + 1);
        std::ranges::replace(file, ':', '-');
        into.take("image", machine::parse_file_name(file), [&](std::string found) { into.spec.root.image = std::move(found); });
        into.drop("image: " + printable(image), fmt::format("it is not fetched: import it as '{}'", into.spec.root.image));
    }
    if (text_of(service["read_only"]) == "true") into.spec.root.mode = machine::RootMode::ReadOnly;
    take_payload(into, service);
    take_security(into, service);
    take_resources(into, service);
    if (const Yaml volumes = service["volumes"]; volumes && volumes.IsSequence())
        for (const Yaml& volume : volumes) take_volume(into, volume, folder);
    for (const std::string& target : strings_of(service["tmpfs"]))
        take_mount(into, "tmpfs", {.target = target.substr(0, target.find(':')), .type = machine::MountType::Tmpfs});
    take_networks(into, service);
    if (const Yaml ports = service["ports"]; ports && ports.IsSequence())
        for (const Yaml& port : ports) take_port(into, port);
    take_health(into, service["healthcheck"]);
    if (service["hostname"])
        into.take("hostname", machine::parse_hostname(text_of(service["hostname"])),
                  [&](std::string host) { into.spec.identity.hostname = std::move(host); });
    for (const std::string& label : pairs_of(service["labels"]))
        into.take("labels: " + printable(label), machine::parse_label_key(label.substr(0, label.find('='))), [&](const std::string& key) {
            into.spec.labels[key] = label.find('=') == std::string::npos ? "" : label.substr(label.find('=') + 1);
        });
    const Yaml before = service["depends_on"];
    std::vector<std::string> names = strings_of(before);
    if (before && before.IsMap())
        for (const auto& pair : before) names.push_back(text_of(pair.first));
    for (const std::string& other : names)
        into.take("depends_on: " + printable(other), machine::parse_unit("machine:" + name_made_of(other).text()),
                  [&](const std::string& unit) {
                      into.spec.unit.after.push_back(unit);
                      into.spec.unit.wants.push_back(unit);
                  });
    take_rest(into, service);
    return into;
}

}  // namespace

Result<std::vector<Imported>> import_compose(const std::string& text, const std::string& folder)
try {
    const Yaml document = YAML::Load(text);
    if (count_nodes(document, 0, 0) > max_expansion)
        return error(Errc::Invalid, "it has more than {} values, or more than {} in each other", max_expansion, max_depth);
    const Yaml services = document.IsMap() ? document["services"] : Yaml();
    if (!services || !services.IsMap()) return error(Errc::Invalid, "it is no compose file: it has no 'services'");
    std::vector<Imported> all;
    for (const auto& pair : services)
        if (pair.second.IsMap()) all.push_back(import_service(text_of(pair.first), pair.second, folder));
    if (all.empty()) return error(Errc::Invalid, "it has no services");
    return all;
} catch (const YAML::Exception& failure) {
    return error(Errc::Invalid, "line {}: {}", failure.mark.line + 1, printable(failure.msg));
}

}  // namespace holm::cli
