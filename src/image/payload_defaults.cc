#include "image/payload_defaults.h"

#include <algorithm>

#include "machine/grammar.h"
#include "machine/identifiers.h"

namespace holm::image {

namespace {

using Variable = std::pair<std::string, std::string>;

// Whether the definition has the key, with whatever value.
bool says(const machine::Spec& spec, const char* key)
{
    return spec.origins.contains(key);
}

machine::Microseconds time_of(uint64_t nanoseconds, machine::Microseconds least)
{
    constexpr machine::Microseconds otherwise = std::chrono::seconds(30), most = std::chrono::days(1);
    if (nanoseconds == 0) return otherwise;
    return std::clamp<machine::Microseconds>(machine::Microseconds(nanoseconds / 1000), least, most);
}

void add_environment(const Config& config, machine::PayloadSpec& payload)
{
    std::vector<Variable> all = config.environment;
    for (const Variable& own : payload.environment) {
        auto same = std::ranges::find(all, own.first, &Variable::first);
        if (same != all.end()) same->second = own.second;
        else all.push_back(own);
    }
    payload.environment = std::move(all);
}

}  // namespace

std::optional<machine::HealthSpec> health_of(const Config& config)
{
    const Healthcheck& check = config.healthcheck;
    if (check.test.size() < 2 || (check.test[0] != "CMD" && check.test[0] != "CMD-SHELL")) return {};
    machine::HealthSpec health;
    if (check.test[0] == "CMD-SHELL") health.command = {"/bin/sh", "-c"};
    health.command.insert(health.command.end(), check.test.begin() + 1, check.test.end());
    health.interval = time_of(check.interval, std::chrono::seconds(1));
    health.timeout = time_of(check.timeout, std::chrono::milliseconds(1));
    if (check.retries) health.retries = static_cast<unsigned>(std::min<uint64_t>(check.retries, 1000));
    return health;
}

Result<> apply_payload_defaults(const Config& config, machine::Spec& spec)
{
    machine::PayloadSpec& payload = spec.payload;
    if (payload.boot.value_or(false)) return {};
    const bool of_image = payload.command.empty();
    if (of_image) {
        payload.command = config.entrypoint;
        payload.command.insert(payload.command.end(), config.command.begin(), config.command.end());
    }
    if (machine::boots(payload)) return {};
    if (!config.user.empty() && !says(spec, "payload.user")) payload.user = TRY(machine::parse_user(config.user), "user of the image");
    if (!config.working_directory.empty() && !says(spec, "payload.working_directory")) {
        payload.working_directory = TRY(machine::parse_path(config.working_directory), "working directory of the image");
        payload.makes_working_directory = true;
    }
    if (!config.stop_signal.empty() && !payload.stop_signal)
        payload.stop_signal = TRY(machine::parse_signal(config.stop_signal), "stop signal of the image");
    add_environment(config, payload);
    if (of_image && !spec.health) spec.health = health_of(config);
    return {};
}

}  // namespace holm::image
