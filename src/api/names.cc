#include "api/names.h"

namespace holm::api {

std::string scope_name(const machine::MachineName& name)
{
    return fmt::format("holm-{}.scope", name.text());
}
std::string service_name(const machine::MachineName& name)
{
    return fmt::format("holm@{}.service", name.text());
}

std::string network_service_name(std::string_view network)
{
    return fmt::format("holm-network@{}.service", network);
}

Result<machine::MachineName> machine_of_unit(std::string_view unit)
{
    auto inner = [&](std::string_view prefix, std::string_view suffix) -> std::string_view {
        if (!unit.starts_with(prefix) || !unit.ends_with(suffix) || unit.size() <= prefix.size() + suffix.size()) return {};
        return unit.substr(prefix.size(), unit.size() - prefix.size() - suffix.size());
    };
    for (std::string_view name : {inner("holm@", ".service"), inner("holm-", ".scope")})
        if (!name.empty()) return machine::parse_name(name);
    return error(Errc::NotFound, "unit '{}' is no machine", unit);
}

std::string runtime_path(const machine::MachineName& name)
{
    return fmt::format("{}/{}", runtime_machines_folder, name.text());
}
std::string plan_path(const machine::MachineName& name)
{
    return runtime_path(name) + "/plan.toml";
}
std::string control_path(const machine::MachineName& name)
{
    return runtime_path(name) + "/control";
}
std::string links_path(const machine::MachineName& name)
{
    return fmt::format("{}/{}", runtime_links_folder, name.text());
}
std::string result_path(const machine::MachineName& name)
{
    return runtime_path(name) + "/result";
}
std::string state_path(const machine::MachineName& name)
{
    return fmt::format("{}/{}", state_machines_folder, name.text());
}

}  // namespace holm::api
