#include "systemd/machined.h"

#include <charconv>
#include <csignal>

#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"

namespace holm::systemd {

namespace {

constexpr std::chrono::seconds patience{25};
constexpr const char* service = "holm";  // who we are to machined

Member manager(const char* name)
{
    return {"org.freedesktop.machine1", "/org/freedesktop/machine1", "org.freedesktop.machine1.Manager", name};
}

std::vector<uint8_t> bytes_of_uuid(const std::string& text)
{
    std::vector<uint8_t> bytes(16);
    for (size_t i = 0; i < bytes.size() && 2 * i + 2 <= text.size(); ++i)
        std::from_chars(text.data() + 2 * i, text.data() + 2 * i + 2, bytes[i], 16);
    return bytes;
}

// A process that is there, whoever's it is.
bool is_alive(std::string_view pid)
{
    auto number = parse_number(pid, INT32_MAX);
    return number && *number > 0 && (!::kill(static_cast<pid_t>(*number), 0) || errno != ESRCH);
}

// Where nobody can answer there is no machined: not installed, or masked.
bool is_absence(const Error& error)
{
    return error.code == Errc::Unavailable || error.code == Errc::NotFound;
}

}  // namespace

Result<> check_owner(const std::string& name, const std::string& folder)
{
    auto text = read_regular_file(fmt::format("{}/{}", folder, name), 64 << 10);
    if (!text) return {};
    std::string_view owner, leader;
    for (std::string_view line : split(*text, '\n')) {
        if (line.starts_with("SERVICE=")) owner = line.substr(line.find('=') + 1);
        if (line.starts_with("LEADER=")) leader = line.substr(line.find('=') + 1);
    }
    if (owner == service || !is_alive(leader)) return {};
    if (owner.empty()) return error(Errc::Busy, "name '{}' is in use by a machine that systemd-machined knows", name);
    return error(Errc::Busy, "name '{}' is in use by a machine of '{}'", name, printable(owner));
}

void Machined::register_machine(const Registration& registration)
{
    if (auto ours = check_owner(registration.name); !ours)
        return log_warning("machine '{}' is not registered with systemd-machined: {}", registration.name, ours.error().text);
    pending_[registration.name] = bus_.call(
        manager("UnregisterMachine"), patience,
        [this, registration](const Result<sd_bus_message*>& answer) {
            if (answer || answer.error().code != Errc::Unavailable) send_registration(registration);
            else pending_.erase(registration.name);
        },
        registration.name);
}

void Machined::send_registration(const Registration& registration)
{
    pending_[registration.name] = bus_.call(
        manager("RegisterMachineWithNetwork"), patience,
        [this, name = registration.name](const Result<sd_bus_message*>& answer) {
            pending_.erase(name);
            if (!answer && !is_absence(answer.error()))
                log_warning("machine '{}': systemd-machined does not register it: {}", name, answer.error().text);
        },
        registration.name, bytes_of_uuid(registration.uuid), service, "container", registration.leader, registration.root_directory,
        std::vector<int32_t>());
}

void Machined::unregister_machine(const std::string& name)
{
    if (!check_owner(name)) return;
    pending_[name] = bus_.call(
        manager("UnregisterMachine"), patience,
        [this, name](const Result<sd_bus_message*>& answer) {
            pending_.erase(name);
            if (!answer && !is_absence(answer.error()))
                log_debug("machine '{}': systemd-machined does not let go of it: {}", name, answer.error().text);
        },
        name);
}

}  // namespace holm::systemd
