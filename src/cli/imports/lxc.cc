// LXC container configurations: lxc.container.conf(5) of LXC 2.1 and later.
#include <algorithm>
#include <array>
#include <map>

#include "base/text.h"
#include "cli/imports/import.h"
#include "machine/grammar.h"
#include "machine/identifiers.h"
#include "machine/network_grammar.h"

namespace holm::cli {

namespace {

struct Setting {
    std::string key, value;
    std::string text() const { return fmt::format("{} = {}", key, printable(value)); }
};

Result<std::vector<Setting>> read_settings(std::string_view text)
{
    std::vector<Setting> settings;
    unsigned number = 0;
    for (std::string_view line : split(text, '\n')) {
        ++number;
        line = trim(line);
        if (line.empty() || line.starts_with('#')) continue;
        const size_t equals = line.find('=');
        if (equals == line.npos) return error(Errc::Invalid, "line {}: '{}' is not of the form KEY = VALUE", number, printable(line));
        std::string_view value = trim(line.substr(equals + 1));
        if (value.size() > 1 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
        settings.push_back({std::string(trim(line.substr(0, equals))), std::string(value)});
    }
    return settings;
}

// "dir:/a", "overlayfs:/lower:/upper", "/a".
void take_rootfs(Imported& into, const Setting& setting)
{
    machine::RootSpec& root = into.spec.root;
    std::string_view rest = setting.value;
    const std::string_view type = rest.starts_with('/') ? "dir" : rest.substr(0, rest.find(':'));
    if (!rest.starts_with('/')) rest.remove_prefix(std::min(rest.size(), type.size() + 1));
    if (type == "overlay" || type == "overlayfs") {
        const std::vector<std::string_view> parts = split(rest, ':');
        for (std::string_view part : parts) {
            auto path = machine::parse_path(part);
            if (!path || parts.size() < 2) return into.drop(setting.text(), path ? "an overlay of one layer" : path.error().text);
        }
        root.lower.assign(parts.rbegin() + 1, parts.rend());
        root.upper = parts.back();
    } else if (type == "dir" || type == "loop" || type == "btrfs" || type == "zfs") {
        into.take(setting.text(), machine::parse_path(rest), [&](std::string path) { root.path = std::move(path); });
    } else into.drop(setting.text(), "a root of this kind has no counterpart: mount it, and name the folder");
}

// An fstab(5) line: SOURCE TARGET TYPE OPTIONS …
void take_entry(Imported& into, const Setting& setting)
{
    auto words = split_words(setting.value);
    if (!words || words->size() < 3) return into.drop(setting.text(), "it is no line of fstab(5)");
    machine::MountSpec mount{.source = (*words)[0], .target = (*words)[1]};
    if (!mount.target.starts_with('/')) mount.target.insert(0, "/");
    const std::string& type = (*words)[2];
    for (std::string_view option : split(words->size() > 3 ? std::string_view((*words)[3]) : "", ',')) {
        if (option == "ro") mount.read_only = true;
        else if (option == "optional") mount.optional = true;
        else if (option == "nosuid" || option == "nodev" || option == "noexec" || option.starts_with("size=") ||
                 option.starts_with("mode="))
            mount.options.emplace_back(option);
        else if (option == "bind") mount.options.emplace_back("norec");
    }
    if (type == "tmpfs") {
        mount.type = machine::MountType::Tmpfs;
        std::erase(mount.options, "norec");
    } else if (setting.value.find("bind") == std::string::npos)
        return into.drop(setting.text(), type == "proc" || type == "sysfs" || type == "mqueue"
                                             ? "every machine has its own"
                                             : "only binds and tmpfs have a counterpart: mount it on the host, and bind it");
    take_mount(into, setting.text(), std::move(mount));
}

// "u 0 100000 65536": one range for users and groups, from 0 on.
void take_idmap(Imported& into, const Setting& setting)
{
    auto words = split_words(setting.value);
    if (!words || words->size() != 4) return into.drop(setting.text(), "it is not of the form u|g|b FIRST HOST COUNT");
    if ((*words)[1] != "0") return into.drop(setting.text(), "the ids of a machine are one range that begins with 0");
    into.take(setting.text(), machine::parse_users((*words)[2] + ":" + (*words)[3]), [&](const machine::Users& users) {
        if (into.spec.security.users.kind == machine::UsersKind::Range && !(into.spec.security.users == users))
            into.drop(setting.text(), "users and groups have one range, which another line has set");
        else into.spec.security.users = users;
    });
}

// lxc.net.N.KEY, gathered before they are judged.
using Links = std::map<std::string, std::map<std::string, std::vector<std::string>>>;

void take_link(Imported& into, const std::string& prefix, std::map<std::string, std::vector<std::string>> link)
{
    auto first = [&](const char* key) { return link.contains(key) ? link[key].front() : std::string(); };
    const std::string type = first("type"), host_link = first("link");
    machine::NetworkSpec network;
    if (type == "none") network.network = "host";
    else if (type == "empty") network.network = "none";
    else if (type == "veth" && host_link == "lxcbr0") network.network = "holm0";
    else if (type == "veth") network.network = host_link.empty() ? "veth" : "bridge:" + host_link;
    else if (type == "macvlan") network.network = "macvlan:" + host_link;
    else if (type == "phys") network.network = "physical:" + host_link;
    else return into.drop(prefix + ".type = " + type, "links of this kind have no counterpart: a bridge or macvlan reaches the same wire");
    const std::string setting = prefix + ".link = " + host_link;
    if (!into.take(setting, machine::parse_network(network.network), [](const auto&) {})) return;
    if (host_link == "lxcbr0") into.drop(setting, "LXC's own bridge: the network holm0 takes its place");
    if (link.contains("name"))
        into.take(prefix + ".name", machine::parse_interface(first("name")),
                  [&](std::string name) { network.interface = std::move(name); });
    if (link.contains("hwaddr")) {
        if (first("hwaddr").find_first_of("xX") == std::string::npos)
            into.take(prefix + ".hwaddr", machine::parse_mac(first("hwaddr")), [&](std::string mac) { network.mac = std::move(mac); });
        else into.drop(prefix + ".hwaddr = " + first("hwaddr"), "a pattern: a MAC address is drawn and kept");
    }
    if (link.contains("mtu")) {
        if (auto mtu = parse_number(first("mtu"), 65535)) network.mtu = static_cast<uint32_t>(*mtu);
        else into.drop(prefix + ".mtu = " + first("mtu"), "it is no number");
    }
    for (const char* key : {"ipv4.address", "ipv6.address"})
        for (const std::string& text : link[key])
            into.take(fmt::format("{}.{} = {}", prefix, key, text), machine::parse_address(text.substr(0, text.find(' '))),
                      [&](std::string address) { network.address.push_back(address.substr(0, address.find('/'))); });
    for (auto& [key, values] : link)
        if (key.ends_with("gateway") || key.starts_with("script") || key.starts_with("veth.") || key.starts_with("vlan") ||
            key == "ipvlan.mode")
            into.drop(fmt::format("{}.{} = {}", prefix, key, values.front()), "it is the network's, not the machine's");
    into.spec.networks.push_back(std::move(network));
}

struct Property {
    std::string_view lxc, systemd;
};
constexpr auto properties = std::to_array<Property>({{"memory.max", "MemoryMax"},
                                                     {"memory.high", "MemoryHigh"},
                                                     {"memory.low", "MemoryLow"},
                                                     {"memory.min", "MemoryMin"},
                                                     {"memory.swap.max", "MemorySwapMax"},
                                                     {"pids.max", "TasksMax"},
                                                     {"cpu.weight", "CPUWeight"},
                                                     {"io.weight", "IOWeight"},
                                                     {"cpuset.cpus", "AllowedCPUs"},
                                                     {"cpuset.mems", "AllowedMemoryNodes"}});

void take_cgroup(Imported& into, const Setting& setting, const std::string& file)
{
    if (file == "cpu.max") {  // "QUOTA PERIOD" in µs
        auto words = split_words(setting.value);
        auto quota = words && !words->empty() ? parse_number((*words)[0], 1'000'000'000) : std::nullopt;
        auto period = words && words->size() > 1 ? parse_number((*words)[1], 1'000'000) : std::optional<uint64_t>(100000);
        if (quota && period && *period > 0)
            return take_resource(into, setting.text(), "CPUQuota", fmt::format("{}%", *quota * 100 / *period));
        return into.drop(setting.text(), "it is not of the form QUOTA PERIOD");
    }
    if (file.starts_with("devices.")) return into.drop(setting.text(), "devices are named in security.devices");
    for (auto& [lxc, systemd] : properties)
        if (lxc == file)
            return take_resource(into, setting.text(), std::string(systemd), setting.value == "max" ? "infinity" : setting.value);
    into.drop(setting.text(), "there is no property of a unit for it");
}

struct Without {
    std::string_view prefix, reason;
};
constexpr auto without = std::to_array<Without>({
    {"lxc.include", "the file that it names is not read: import it by itself"},
    {"lxc.hook", "nothing runs on the host for a machine: a unit that is ordered after it may"},
    {"lxc.apparmor.profile", "profiles of LXC fit LXC: security.apparmor names one of yours"},
    {"lxc.apparmor", "profiles of LXC fit LXC"},
    {"lxc.seccomp", "the filter is holm's own: security.syscalls adds to it"},
    {"lxc.mount.auto", "every machine has its own /proc, /sys and cgroups"},
    {"lxc.mount.fstab", "the file that it names is not read: write its lines as mounts"},
    {"lxc.mount", "the file that it names is not read: write its lines as mounts"},
    {"lxc.tty", "terminals are made as they are needed"},
    {"lxc.pty", "terminals are made as they are needed"},
    {"lxc.console", "the console is in the journal"},
    {"lxc.log", "what holm says is in the journal"},
    {"lxc.arch", "the machine runs with the host's architecture"},
    {"lxc.monitor", "the machine's supervisor is holm's own"},
    {"lxc.start", "not a setting of the machine: 'holmctl enable' starts it at boot"},
    {"lxc.group", "groups of machines are labels, or a target of systemd"},
    {"lxc.cgroup.dir", "the unit's place is its slice"},
    {"lxc.cgroup.", "limits of cgroup v1 have no counterpart: write those of v2"},
    {"lxc.autodev", "every machine has its own /dev"},
    {"lxc.keyring", "every machine has its own session keyring"},
});

void take_setting(Imported& into, const Setting& setting, Links& links)
{
    const std::string &key = setting.key, &value = setting.value;
    const std::string text = setting.text();
    machine::Spec& spec = into.spec;
    auto words = [&] { return split_words(value).value_or(std::vector<std::string>{}); };
    if (key == "lxc.uts.name" || key == "lxc.utsname") {
        spec.name = name_made_of(value);
        into.take(text, machine::parse_hostname(value), [&](std::string name) {
            if (name != spec.name.text()) spec.identity.hostname = std::move(name);
        });
    } else if (key == "lxc.rootfs.path" || key == "lxc.rootfs") take_rootfs(into, setting);
    else if (key == "lxc.rootfs.options") {
        if (value.find("ro") == 0) spec.root.mode = machine::RootMode::ReadOnly;
        else into.drop(text, "options of the root's mount are holm's own");
    } else if (key == "lxc.ephemeral") {
        if (value == "1") spec.root.mode = machine::RootMode::Ephemeral;
    } else if (key == "lxc.mount.entry") take_entry(into, setting);
    else if (key == "lxc.idmap" || key == "lxc.id_map") take_idmap(into, setting);
    else if (key == "lxc.cap.drop") take_capabilities(into, text, words(), false);
    else if (key == "lxc.cap.keep") into.drop(text, "capabilities are added to and taken from the default set, not listed whole");
    else if (key == "lxc.environment")
        into.take(text, parse_variable(value), [&](auto variable) { spec.payload.environment.push_back(std::move(variable)); });
    else if (key == "lxc.init.cmd" || key == "lxc.execute.cmd") {
        if (value != "/sbin/init" && value != "/lib/systemd/systemd") spec.payload.command = words();
    } else if (key == "lxc.init.cwd")
        into.take(text, machine::parse_path(value), [&](std::string path) { spec.payload.working_directory = std::move(path); });
    else if (key == "lxc.init.uid" || key == "lxc.init.gid") {
        const bool group = key.ends_with("gid");
        const std::string user = group ? spec.payload.user + ":" + value : value;
        into.take(text, machine::parse_user(user == "0" ? "root" : user), [&](std::string parsed) {
            if (parsed != "root:0") spec.payload.user = std::move(parsed);
        });
    } else if (key == "lxc.signal.halt" || key == "lxc.signal.stop") {
        if (key.ends_with("halt")) into.take(text, machine::parse_signal(value), [&](int signal) { spec.payload.stop_signal = signal; });
        else into.drop(text, "what does not stop in order is killed");
    } else if (key == "lxc.no_new_privs") spec.security.no_new_privileges = value == "1";
    else if (key == "lxc.selinux.context") spec.security.selinux = value;
    else if (key == "lxc.proc.oom_score_adj") {
        const bool negative = value.starts_with('-');
        if (auto number = parse_number(std::string_view(value).substr(negative ? 1 : 0), 1000))
            spec.security.oom_score_adjust = negative ? -static_cast<int>(*number) : static_cast<int>(*number);
        else into.drop(text, "it is no number from -1000 to 1000");
    } else if (key.starts_with("lxc.prlimit.")) {
        std::string name = key.substr(12);
        std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::toupper(c); });
        std::string limit = value;
        if (limit == "unlimited") limit = "infinity";
        into.take(text, machine::parse_limit(name, limit), [&](auto parsed) { spec.security.rlimits[name] = parsed; });
    } else if (key.starts_with("lxc.sysctl.")) {
        into.take(text, machine::parse_sysctl_name(key.substr(11)), [&](const std::string& name) { spec.security.sysctl[name] = value; });
    } else if (key.starts_with("lxc.cgroup2.")) take_cgroup(into, setting, key.substr(12));
    else if (key.starts_with("lxc.net.")) {
        const size_t dot = key.find('.', 8);
        if (dot == key.npos) return into.drop(text, "it names no property of the link");
        links[key.substr(0, dot)][key.substr(dot + 1)].push_back(value);
    } else {
        for (auto& [prefix, reason] : without)
            if (key.starts_with(prefix)) return into.drop(text, reason);
        into.drop(text, "it is not known here");
    }
}

}  // namespace

Result<Imported> import_lxc(std::string_view text)
{
    Imported imported;
    Links links;
    for (const Setting& setting : TRY(read_settings(text))) take_setting(imported, setting, links);
    for (auto& [prefix, link] : links) take_link(imported, prefix, link);
    return imported;
}

}  // namespace holm::cli
