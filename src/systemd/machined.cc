#include "systemd/machined.h"

#include <charconv>

#include "base/log.h"

namespace holm::systemd {

namespace {

constexpr std::chrono::seconds patience{25};

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

// Where nobody can answer there is no machined: not installed, or masked.
bool is_absence(const Error& error)
{
    return error.code == Errc::Unavailable || error.code == Errc::NotFound;
}

}  // namespace

void Machined::register_machine(const Registration& registration)
{
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
        registration.name, bytes_of_uuid(registration.uuid), "holm", "container", registration.leader, registration.root_directory,
        std::vector<int32_t>());
}

void Machined::unregister_machine(const std::string& name)
{
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
