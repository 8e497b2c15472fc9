#include "imports/nspawn.h"

#include <algorithm>
#include <array>
#include <functional>

#include "base/text.h"
#include "machine/grammar.h"
#include "machine/guest_files.h"
#include "machine/identifiers.h"
#include "machine/network_grammar.h"

namespace holm::imports {

namespace {

using machine::MountType;

struct Setting {
    std::string section, key, value;
    std::string text() const { return fmt::format("[{}] {}={}", section, key, printable(value)); }
};

// Lines as systemd.syntax(7) has them.
Result<std::vector<Setting>> read_settings(std::string_view text)
{
    std::vector<Setting> settings;
    std::string section, line;
    unsigned number = 0;
    for (std::string_view raw : split(text, '\n')) {
        ++number;
        std::string_view part = trim(raw);
        if (line.empty() && (part.empty() || part.starts_with('#') || part.starts_with(';'))) continue;
        if (!line.empty() && (part.starts_with('#') || part.starts_with(';'))) continue;
        const bool goes_on = part.ends_with('\\');
        if (goes_on) part.remove_suffix(1);
        line += part;
        if (goes_on) {
            line += ' ';
            continue;
        }
        const std::string whole = std::exchange(line, {});
        if (whole.starts_with('[') && whole.ends_with(']')) {
            section = whole.substr(1, whole.size() - 2);
            continue;
        }
        const size_t equals = whole.find('=');
        if (equals == whole.npos || section.empty())
            return error(Errc::Invalid, "line {}: '{}' is no setting of a section", number, printable(whole));
        settings.push_back({section, std::string(trim(std::string_view(whole).substr(0, equals))),
                            std::string(trim(std::string_view(whole).substr(equals + 1)))});
    }
    return settings;
}

using Take = std::function<void(Imported&, const Setting&)>;

void take_flag(Imported& into, const Setting& setting, const std::function<void(bool)>& put)
{
    into.take(setting.text(), parse_flag(setting.value), put);
}

std::vector<std::string> words_of(Imported& into, const Setting& setting)
{
    auto words = split_words(setting.value);
    if (words) return *words;
    into.drop(setting.text(), words.error().text);
    return {};
}

// "SRC[:DST[:OPTIONS]]" with `\:` for a colon.
std::vector<std::string> split_colons(std::string_view text)
{
    std::vector<std::string> parts(1);
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) parts.back() += text[++i];
        else if (text[i] == ':') parts.emplace_back();
        else parts.back() += text[i];
    }
    return parts;
}

void take_bind(Imported& into, const Setting& setting, bool read_only)
{
    std::vector<std::string> parts = split_colons(setting.value);
    machine::MountSpec mount{.type = MountType::Bind, .read_only = read_only};
    if (parts[0].starts_with('-')) mount.optional = true, parts[0].erase(0, 1);
    if (parts[0].starts_with('+')) return into.drop(setting.text(), "a source within the machine's own root has no counterpart");
    if (parts[0].empty()) return into.drop(setting.text(), "a new empty folder has no counterpart: a tmpfs or an upper may do");
    mount.source = parts[0];
    mount.target = parts.size() > 1 && !parts[1].empty() ? parts[1] : parts[0];
    for (std::string_view option : split(parts.size() > 2 ? std::string_view(parts[2]) : "", ',')) {
        if (option == "norbind") mount.options.emplace_back("norec");
        else if (option == "noidmap") mount.owner = machine::MountOwner::Host;
        else if (!option.empty() && option != "rbind" && option != "idmap" && option != "rootidmap")
            into.drop(setting.text(), fmt::format("the option '{}' has no counterpart", option));
    }
    take_mount(into, setting.text(), std::move(mount));
}

void take_users(Imported& into, const Setting& setting)
{
    machine::Users& users = into.spec.security.users;
    if (setting.value == "pick" || setting.value == "managed") users.kind = machine::UsersKind::Auto;
    else if (setting.value == "identity") users.kind = machine::UsersKind::Identity;
    else if (auto flag = parse_flag(setting.value); flag && !setting.value.starts_with('0') && !setting.value.starts_with('1'))
        users.kind = *flag ? machine::UsersKind::Auto : machine::UsersKind::Host;
    else {
        const std::string range = setting.value.find(':') == std::string::npos ? setting.value + ":65536" : setting.value;
        into.take(setting.text(), machine::parse_users(range), [&](const machine::Users& parsed) { users = parsed; });
    }
}

void take_volatile(Imported& into, const Setting& setting)
{
    if (setting.value == "overlay") into.spec.root.mode = machine::RootMode::Ephemeral;
    else if (setting.value == "state")
        into.drop(setting.text(), "a /var in memory over a read-only root: mode \"read-only\" and a tmpfs mount may do");
    else
        take_flag(into, setting, [&](bool yes) {
            if (yes) into.spec.root.mode = machine::RootMode::Volatile;
        });
}

// "[tcp|udp:]HOST[:MACHINE]"
void take_port(Imported& into, const Setting& setting)
{
    std::vector<std::string> parts = split_colons(setting.value);
    std::string protocol = "tcp";
    if (parts[0] == "tcp" || parts[0] == "udp") protocol = parts[0], parts.erase(parts.begin());
    if (parts.empty() || parts.size() > 2) return into.drop(setting.text(), "it is not of the form [PROTOCOL:]PORT[:PORT]");
    into.take(setting.text(), machine::parse_publication(fmt::format("{}:{}/{}", parts[0], parts.back(), protocol)),
              [&](std::string port) { first_network(into, "holm0").publish.push_back(std::move(port)); });
}

void take_link(Imported& into, const Setting& setting, const std::string& network)
{
    into.take(setting.text(), machine::parse_network(network), [&](std::string parsed) {
        std::erase_if(into.spec.networks,
                      [](const machine::NetworkSpec& other) { return other.network == "none" || other.network == "host"; });
        into.spec.networks.push_back({.network = std::move(parsed)});
    });
}

// "eth1", or "eth1:lan" with its name inside.
void take_moved(Imported& into, const Setting& setting)
{
    for (const std::string& word : words_of(into, setting)) {
        const size_t colon = word.find(':');
        const std::string inside = colon == word.npos ? "" : word.substr(colon + 1);
        if (!inside.empty() && !into.take(setting.text(), machine::parse_interface(inside), [](const auto&) {})) continue;
        take_link(into, setting, "physical:" + word.substr(0, colon));
        if (!into.spec.networks.empty() && into.spec.networks.back().network == "physical:" + word.substr(0, colon))
            into.spec.networks.back().interface = inside;
    }
}

void take_syscalls(Imported& into, const Setting& setting)
{
    const bool deny = setting.value.starts_with('~');
    Setting names = setting;
    if (deny) names.value.erase(0, 1);
    for (const std::string& word : words_of(into, names))
        into.take(setting.text(), machine::parse_syscall(word), [&](std::string name) {
            (deny ? into.spec.security.syscalls_deny : into.spec.security.syscalls_allow).push_back(std::move(name));
        });
}

void take_limit(Imported& into, const Setting& setting)
{
    auto name = machine::parse_limit_name(std::string_view(setting.key).substr(5));
    if (!name) return into.drop(setting.text(), name.error().text);
    into.take(setting.text(), machine::parse_limit(*name, setting.value), [&](auto limit) { into.spec.security.rlimits[*name] = limit; });
}

// Why a key has no counterpart.
struct Without {
    std::string_view key, reason;
};
constexpr auto without = std::to_array<Without>({
    {"PivotRoot", "the root is always the top of its tree"},
    {"AmbientCapability", "capabilities of the payload are not ambient: a user other than root has none"},
    {"Personality", "the machine runs with the host's personality"},
    {"LinkJournal", "the console is in the host's journal; the machine's own journal is not linked"},
    {"SuppressSync", "syncs of a machine are never dropped"},
    {"PrivateUsersOwnership", "files are id-mapped where they are mounted and never chowned"},
    {"BindUser", "users of the host are not given to machines"},
    {"BindUserShell", "users of the host are not given to machines"},
    {"Overlay", "a bind of a stack: make it the machine's root, or a mount of its own on the host"},
    {"OverlayReadOnly", "a bind of a stack: make it the machine's root, or a mount of its own on the host"},
    {"IPVLAN", "ipvlan is for networks of that type: define one"},
    {"Zone", "a zone is a network here: define one and name it"},
    {"VirtualEthernetExtra", "an extra pair of interfaces: give the machine one more network"},
    {"NamespacePath", "a machine has a network namespace of its own, or the host's"},
});

const std::vector<std::pair<std::string_view, Take>>& takers()
{
    static const std::vector<std::pair<std::string_view, Take>> table = {
        {"Boot", [](Imported& to, const Setting& s) { take_flag(to, s, [&](bool yes) { to.spec.payload.boot = yes; }); }},
        {"Ephemeral",
         [](Imported& to, const Setting& s) {
             take_flag(to, s, [&](bool yes) {
                 if (yes) to.spec.root.mode = machine::RootMode::Ephemeral;
             });
         }},
        {"ProcessTwo", [](Imported& to, const Setting& s) { take_flag(to, s, [&](bool yes) { to.spec.payload.init = yes; }); }},
        {"Parameters", [](Imported& to, const Setting& s) { to.spec.payload.command = words_of(to, s); }},
        {"Environment",
         [](Imported& to, const Setting& s) {
             for (const std::string& word : words_of(to, s))
                 to.take(s.text(), parse_variable(word),
                         [&](auto variable) { to.spec.payload.environment.push_back(std::move(variable)); });
         }},
        {"User",
         [](Imported& to, const Setting& s) {
             to.take(s.text(), machine::parse_user(s.value), [&](std::string user) { to.spec.payload.user = std::move(user); });
         }},
        {"WorkingDirectory",
         [](Imported& to, const Setting& s) {
             to.take(s.text(), machine::parse_path(s.value),
                     [&](std::string path) { to.spec.payload.working_directory = std::move(path); });
         }},
        {"Capability", [](Imported& to, const Setting& s) { take_capabilities(to, s.text(), words_of(to, s), true); }},
        {"DropCapability", [](Imported& to, const Setting& s) { take_capabilities(to, s.text(), words_of(to, s), false); }},
        {"NoNewPrivileges",
         [](Imported& to, const Setting& s) { take_flag(to, s, [&](bool yes) { to.spec.security.no_new_privileges = yes; }); }},
        {"KillSignal",
         [](Imported& to, const Setting& s) {
             to.take(s.text(), machine::parse_signal(s.value), [&](int signal) { to.spec.payload.stop_signal = signal; });
         }},
        {"MachineID",
         [](Imported& to, const Setting& s) {
             to.take(s.text(), machine::parse_machine_id(s.value), [&](std::string id) {
                 to.spec.identity.machine_id = machine::MachineIdKind::Given;
                 to.spec.identity.machine_id_value = std::move(id);
             });
         }},
        {"PrivateUsers", take_users},
        {"NotifyReady",
         [](Imported& to, const Setting& s) {
             take_flag(to, s, [&](bool yes) {
                 if (yes) to.spec.payload.ready.kind = machine::ReadyKind::Notify;
             });
         }},
        {"SystemCallFilter", take_syscalls},
        {"OOMScoreAdjust",
         [](Imported& to, const Setting& s) {
             const bool negative = s.value.starts_with('-');
             auto number = parse_number(std::string_view(s.value).substr(negative ? 1 : 0), 1000);
             if (number) to.spec.security.oom_score_adjust = negative ? -static_cast<int>(*number) : static_cast<int>(*number);
             else to.drop(s.text(), "it is no number from -1000 to 1000");
         }},
        {"CPUAffinity", [](Imported& to, const Setting& s) { take_resource(to, s.text(), "AllowedCPUs", s.value); }},
        {"Hostname",
         [](Imported& to, const Setting& s) {
             to.take(s.text(), machine::parse_hostname(s.value), [&](std::string name) { to.spec.identity.hostname = std::move(name); });
         }},
        {"ResolvConf",
         [](Imported& to, const Setting& s) {
             to.take(s.text(), machine::parse_resolv_conf(s.value),
                     [&](const machine::ResolvConf& parsed) { to.spec.identity.resolv_conf = parsed; });
         }},
        {"Timezone",
         [](Imported& to, const Setting& s) {
             to.take(s.text(), machine::parse_timezone(s.value), [&](std::string zone) { to.spec.identity.timezone = std::move(zone); });
         }},
        {"ReadOnly",
         [](Imported& to, const Setting& s) {
             take_flag(to, s, [&](bool yes) {
                 if (yes) to.spec.root.mode = machine::RootMode::ReadOnly;
             });
         }},
        {"Volatile", take_volatile},
        {"Bind", [](Imported& to, const Setting& s) { take_bind(to, s, false); }},
        {"BindReadOnly", [](Imported& to, const Setting& s) { take_bind(to, s, true); }},
        {"TemporaryFileSystem",
         [](Imported& to, const Setting& s) {
             std::vector<std::string> parts = split_colons(s.value);
             machine::MountSpec mount{.target = parts[0], .type = MountType::Tmpfs};
             for (std::string_view option : split(parts.size() > 1 ? std::string_view(parts[1]) : "", ','))
                 if (!option.empty()) mount.options.emplace_back(option);
             take_mount(to, s.text(), std::move(mount));
         }},
        {"Inaccessible",
         [](Imported& to, const Setting& s) { take_mount(to, s.text(), {.target = s.value, .type = MountType::Inaccessible}); }},
        {"Private", [](Imported& to, const Setting& s) { take_flag(to, s, [&](bool yes) { first_network(to, yes ? "none" : "host"); }); }},
        {"VirtualEthernet",
         [](Imported& to, const Setting& s) {
             take_flag(to, s, [&](bool yes) {
                 if (yes) first_network(to, "holm0");
             });
         }},
        {"MACVLAN",
         [](Imported& to, const Setting& s) {
             for (const std::string& word : words_of(to, s)) take_link(to, s, "macvlan:" + word.substr(0, word.find(':')));
         }},
        {"Interface", take_moved},
        {"Bridge", [](Imported& to, const Setting& s) { take_link(to, s, "bridge:" + s.value); }},
        {"Port", take_port},
    };
    return table;
}

void take_setting(Imported& into, const Setting& setting)
{
    if (setting.value.empty()) return;  // what was said before is taken back; nothing is said twice in files that people write
    if (setting.key.starts_with("Limit")) return take_limit(into, setting);
    for (auto& [key, take] : takers())
        if (key == setting.key) return take(into, setting);
    for (auto& [key, reason] : without)
        if (key == setting.key) return into.drop(setting.text(), reason);
    into.drop(setting.text(), "systemd.nspawn(5) does not have it");
}

// What a file beside an image may say: nothing that opens the host to who has made the image, and nothing of its networks.
constexpr auto harmless =
    std::to_array<std::string_view>({"Boot", "DropCapability", "Environment", "Ephemeral", "Hostname", "Inaccessible", "KillSignal",
                                     "MachineID", "NotifyReady", "Parameters", "ProcessTwo", "ReadOnly", "ResolvConf",
                                     "TemporaryFileSystem", "Timezone", "User", "VirtualEthernet", "Volatile", "WorkingDirectory"});

bool is_harmless(const Setting& setting)
{
    if (setting.key == "NoNewPrivileges") return parse_flag(setting.value).value_or(false);
    return std::ranges::find(harmless, setting.key) != harmless.end();
}

// What several settings together mean.
void settle(Imported& into)
{
    machine::PayloadSpec& payload = into.spec.payload;
    if (!payload.command.empty() && payload.boot.value_or(false)) {
        into.drop("[Exec] Parameters", "the init gets no arguments of the definition's");
        payload.command.clear();
    }
    if (!payload.command.empty()) payload.boot.reset();
    else if (payload.boot == false) {
        into.drop("[Exec] Boot=no", "without Parameters= nspawn runs a shell; here the root's init is booted");
        payload.boot.reset();
    }
    // A bridge and ports: the ports belong to the network that was named.
    auto& networks = into.spec.networks;
    const bool adds_link = std::ranges::any_of(networks, [](const auto& one) { return one.network.starts_with("physical:"); });
    if (networks.size() > 1 && !adds_link && networks[0].network == "holm0" && networks[0].publish.empty())
        networks.erase(networks.begin());
}

}  // namespace

Result<Imported> import_nspawn(std::string_view text, Trust trust)
{
    Imported imported;
    for (const Setting& setting : TRY(read_settings(text))) {
        if (trust == Trust::Whole || setting.value.empty() || is_harmless(setting)) take_setting(imported, setting);
        else imported.drop(setting.text(), "a file beside an image is not trusted with it: put it into /etc/systemd/nspawn");
    }
    settle(imported);
    return imported;
}

}  // namespace holm::imports
