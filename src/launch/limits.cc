#include "launch/limits.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "launch/describe_property.h"
#include "machine/cgroup_limit.h"
#include "machine/grammar.h"
#include "machine/resources.h"

namespace holm::launch {

namespace {

constexpr std::string_view scale = "Scale", quota = "PerSecUSec", time = "USec";

std::string without(std::string_view name, std::string_view end)
{
    return std::string(name.ends_with(end) ? name.substr(0, name.size() - end.size()) : name);
}

// The name on the bus as [resources] has it.
std::string key_of(std::string_view name)
{
    if (name.ends_with(quota)) return without(name, quota);
    return name.ends_with(time) ? without(name, time) + "Sec" : without(name, scale);
}

// The controller that enforces it, by the begin of its name; holm writes the files of others itself, and says which are not there.
constexpr std::pair<std::string_view, std::string_view> enforced_by[] = {
    {"CPU", "cpu"},
    {"StartupCPU", "cpu"},
    {"AllowedCPUs", "cpuset"},
    {"AllowedMemoryNodes", "cpuset"},
    {"StartupAllowed", "cpuset"},
    {"Memory", "memory"},
    {"DefaultMemory", "memory"},
    {"TasksMax", "pids"},
    {"IO", "io"},
    {"StartupIO", "io"},
};

// Not what is there when nobody sets it.
bool is_set(const UnitProperty& property)
{
    if (machine::is_cgroup_limit(property.name)) return true;
    static const std::vector<UnitProperty> defaults = machine::resource_defaults();
    auto known = std::ranges::find(defaults, without(property.name, scale), &UnitProperty::name);
    return known != defaults.end() && known->value != property.value;
}

std::string describe_limit(const UnitProperty& property)
{
    const auto* number = std::get_if<uint64_t>(&property.value);
    if (!number || *number == UINT64_MAX) return describe_property(property);
    if (property.name.ends_with(quota)) return fmt::format("{:.6g}%", static_cast<double>(*number) / 10'000);
    return property.name.contains("Memory") ? machine::describe_size(*number) : describe_property(property);
}

}  // namespace

std::map<std::string, std::string> limits_of(std::span<const UnitProperty> properties)
{
    std::map<std::string, std::string> limits;
    for (const UnitProperty& property : properties) {
        if (!is_set(property)) continue;
        std::string& text = limits[key_of(property.name)];
        text =
            machine::is_list(property) && !text.empty() ? fmt::format("{}, {}", text, describe_limit(property)) : describe_limit(property);
    }
    return limits;
}

std::vector<std::string> find_unenforced(const machine::Spec& spec, const Defaults& defaults, std::string_view controllers)
{
    std::vector<std::pair<std::string, std::string>> assignments = defaults.resources;
    assignments.insert(assignments.end(), spec.resources.begin(), spec.resources.end());
    auto parsed = machine::parse_resources(assignments);
    if (!parsed) return {};  // said where it is planned
    const std::vector<std::string_view> there = split(trim(controllers), ' ');
    std::map<std::string_view, std::vector<std::string>> lost;
    for (const auto& [key, value] : limits_of(*parsed))
        for (const auto& [begin, controller] : enforced_by)
            if (key.starts_with(begin) && std::ranges::find(there, controller) == there.end()) lost[controller].push_back(key);
    std::vector<std::string> sentences;
    for (const auto& [controller, keys] : lost)
        sentences.push_back(
            fmt::format("{} of [resources] {} not enforced: cgroup v2 of this host has no controller '{}' (see 'holmctl doctor')",
                        fmt::join(keys, ", "), keys.size() == 1 ? "is" : "are", controller));
    return sentences;
}

}  // namespace holm::launch
