#include "launch/payload.h"

#include <csignal>

#include <algorithm>

#include "base/text.h"

namespace holm::launch {

namespace {

using machine::ReadyKind;
using machine::Spec;
using rootfs::Found;

constexpr const char* default_term = "vt220";  // of a console whose terminal is not known, as agetty's and systemd's

using Environment = std::vector<std::pair<std::string, std::string>>;

void set(Environment& environment, std::string_view name, std::string_view value)
{
    auto old = std::ranges::find(environment, name, [](const auto& variable) { return std::string_view(variable.first); });
    if (old != environment.end()) old->second = value;
    else environment.emplace_back(name, value);
}

// The definition's variables over the defaults; those that say what the machine is over both.
Environment plan_environment(const Spec& spec, const Request& request, const Payload& payload, const std::string& uuid)
{
    Environment environment = {{"PATH", default_path}};
    if (payload.user == "root" || payload.user == "0") {
        set(environment, "HOME", "/root");
        set(environment, "USER", "root");
        set(environment, "LOGNAME", "root");
    }
    if (request.console == Console::Terminal) set(environment, "TERM", request.term.empty() ? default_term : request.term);
    for (const auto& [name, value] : spec.payload.environment) set(environment, name, value);
    set(environment, "container", "holm");
    set(environment, "container_uuid", dashed_uuid(uuid));
    if (payload.ready_by_notify || payload.boot) set(environment, "NOTIFY_SOCKET", notify_path);
    if (!spec.credentials.empty()) set(environment, "CREDENTIALS_DIRECTORY", credentials_path);
    return environment;
}

std::string root_of(const Spec& spec)
{
    const machine::RootSpec& root = spec.root;
    const std::string& name = !root.image.empty() ? root.image : !root.path.empty() ? root.path : root.lower.front();
    return printable(name);
}

Result<> find_init(const Spec& spec, const Facts& facts, Payload& payload)
{
    const Found& init = facts.rootfs.init;
    if (init.kind != Found::Kind::File) {
        std::string tried = fmt::format("{}", fmt::join(rootfs::init_paths, ", "));
        return error(Errc::NotFound, "the root '{}' of machine '{}' has no init (looked for {}): give it a command{}", root_of(spec),
                     spec.name.text(), tried, describe_origin(spec, "root"));
    }
    if (!init.executable)
        return error(Errc::NotExecutable, "the init '{}' in the root '{}' is not executable", printable(init.asked), root_of(spec));
    payload.init_kind = classify_init(init.path, facts.rootfs.has_inittab);
    payload.command = {init.asked};
    return {};
}

// systemd takes what has no dash of PID 1's arguments in a container for a kernel command line (252: proc-cmdline.c), so no file of
// the machine is touched to name it.
void append_systemd_arguments(const Spec& spec, const Payload& payload, const std::string& uuid, std::vector<std::string>& command)
{
    using Kind = machine::MachineIdKind;
    Kind kind = spec.identity.machine_id;
    bool keep = kind == Kind::Keep || (kind == Kind::Default && !spec.root.path.empty());
    if (!keep) command.push_back("systemd.machine_id=" + uuid);
    command.push_back("systemd.hostname=" + payload.hostname);
}

Result<> find_command(const Spec& spec, const Facts& facts, Payload& payload)
{
    if (spec.payload.command.empty())
        return error(Errc::Invalid, "machine '{}' has neither an init to boot nor a command{}", spec.name.text(),
                     describe_origin(spec, "payload.boot"));
    payload.command = spec.payload.command;
    std::string name = printable(payload.command[0]), root = root_of(spec), origin = describe_origin(spec, "payload.command");
    const Found& found = facts.rootfs.command;
    switch (found.kind) {
    case Found::Kind::Covered: return {};  // known inside
    case Found::Kind::Missing:
        return error(Errc::NoCommand, "command '{}' does not exist in the root '{}' of machine '{}'{}", name, root, spec.name.text(),
                     origin);
    case Found::Kind::Folder:
    case Found::Kind::Other: return error(Errc::NotExecutable, "command '{}' in the root '{}' is no regular file{}", name, root, origin);
    case Found::Kind::File: break;
    }
    if (!found.executable) return error(Errc::NotExecutable, "command '{}' in the root '{}' is not executable{}", name, root, origin);
    payload.command[0] = found.asked;
    return {};
}

std::vector<std::string> words_of(std::string_view line)
{
    std::vector<std::string> words;
    for (std::string_view word : split(line, ' '))
        if (!word.empty()) words.emplace_back(word);
    return words;
}

Check check_of_unit(const std::string& unit)
{
    return {.command = {"systemctl", "is-active", "--quiet", unit}, .what = fmt::format("unit '{}' of the machine", unit)};
}

Check check_of_port(uint16_t port)
{
    return {.port = port, .what = fmt::format("port {} of the machine", port)};
}

Check check_of_command(std::vector<std::string> command)
{
    std::string what = fmt::format("'{}' in the machine", printable(fmt::format("{}", fmt::join(command, " ")), 80));
    return {.command = std::move(command), .what = std::move(what)};
}

std::optional<Check> plan_ready_check(const machine::Ready& ready)
{
    using enum machine::ReadyKind;
    switch (ready.kind) {
    case Unit: return check_of_unit(ready.argument);
    case Port: return check_of_port(static_cast<uint16_t>(parse_number(ready.argument, UINT16_MAX).value_or(0)));
    case Command: return check_of_command(words_of(ready.argument));
    case Default:
    case Started:
    case Notify: break;
    }
    return {};
}

Health plan_health(const machine::HealthSpec& spec)
{
    Health health{.check = {}, .interval = spec.interval, .timeout = spec.timeout, .retries = spec.retries, .on_failure = spec.on_failure};
    if (spec.port) health.check = check_of_port(*spec.port);
    else health.check = spec.unit.empty() ? check_of_command(spec.command) : check_of_unit(spec.unit);
    return health;
}

}  // namespace

std::string payload_path(const machine::PayloadSpec& payload)
{
    std::string path = default_path;
    for (const auto& [name, value] : payload.environment)
        if (name == "PATH") path = value;
    return path;
}

InitKind classify_init(std::string_view path, bool has_inittab)
{
    std::string_view name = path.substr(path.rfind('/') + 1);
    if (name == "systemd") return InitKind::Systemd;
    if (name == "openrc-init") return InitKind::OpenRc;
    if (name == "busybox" || name == "bbinit") return InitKind::Busybox;
    if (name == "runit-init" || name == "runit") return InitKind::Runit;
    if (name.starts_with("s6-") || path.contains("/s6-linux-init/")) return InitKind::S6;
    return name == "init" && has_inittab ? InitKind::Sysv : InitKind::Other;
}

std::string_view describe_init(InitKind kind)
{
    switch (kind) {
    case InitKind::Command: return "command";
    case InitKind::Systemd: return "systemd";
    case InitKind::OpenRc: return "openrc";
    case InitKind::Sysv: return "sysv";
    case InitKind::Busybox: return "busybox";
    case InitKind::Runit: return "runit";
    case InitKind::S6: return "s6";
    case InitKind::Other: return "other";
    }
    return "";
}

int stop_signal_of(InitKind kind)
{
    switch (kind) {
    case InitKind::Systemd: return SIGRTMIN + 3;  // halt.target: systemd(1), SIGNALS
    case InitKind::Sysv: return SIGPWR;           // the "powerfail" lines of inittab(5)
    case InitKind::OpenRc: return SIGTERM;        // openrc-init(8); SIGINT reboots
    case InitKind::Busybox: return SIGUSR2;       // poweroff, init/init.c; SIGTERM reboots
    case InitKind::Runit: return SIGCONT;         // runit(8), where /etc/runit/stopit allows it
    case InitKind::S6: return SIGUSR1;            // poweroff, s6-linux-init-maker(1)
    case InitKind::Command:
    case InitKind::Other: return SIGTERM;
    }
    return SIGTERM;
}

std::string dashed_uuid(std::string_view uuid)
{
    if (uuid.size() != 32) return std::string(uuid);
    return fmt::format("{}-{}-{}-{}-{}", uuid.substr(0, 8), uuid.substr(8, 4), uuid.substr(12, 4), uuid.substr(16, 4), uuid.substr(20));
}

Result<Payload> plan_payload(const Spec& spec, const Facts& facts, const Request& request, const std::string& uuid)
{
    Payload payload;
    payload.boot = machine::boots(spec.payload);
    payload.stub = !payload.boot && spec.payload.init;
    payload.user = spec.payload.user;
    payload.working_directory = spec.payload.working_directory;
    payload.makes_working_directory = spec.payload.makes_working_directory;
    payload.hostname = spec.identity.hostname.empty() ? spec.name.text() : spec.identity.hostname;
    if (payload.boot) {
        TRY(find_init(spec, facts, payload));
        if (payload.init_kind == InitKind::Systemd) append_systemd_arguments(spec, payload, uuid, payload.command);
        payload.command.insert(payload.command.end(), spec.payload.command.begin(), spec.payload.command.end());
    } else {
        TRY(find_command(spec, facts, payload));
    }
    payload.stop_signal = spec.payload.stop_signal.value_or(stop_signal_of(payload.init_kind));
    payload.start_timeout = spec.payload.start_timeout.value_or(request.defaults.start_timeout);
    payload.stop_timeout = spec.payload.stop_timeout.value_or(request.defaults.stop_timeout);
    ReadyKind ready = spec.payload.ready.kind;
    payload.ready_by_notify = ready == ReadyKind::Notify || (ready == ReadyKind::Default && payload.init_kind == InitKind::Systemd);
    payload.ready_check = plan_ready_check(spec.payload.ready);
    payload.restart = spec.payload.restart;
    if (payload.restart != machine::Restart::No || spec.health) {
        payload.restart_delay = spec.payload.restart_delay;
        payload.restart_limit = spec.payload.restart_limit;
    }
    if (spec.health) payload.health = plan_health(*spec.health);
    payload.environment = plan_environment(spec, request, payload, uuid);
    return payload;
}

}  // namespace holm::launch
