#include "daemon/dependants.h"

#include <algorithm>

#include "api/names.h"
#include "machine/grammar.h"

namespace holm::daemon {

namespace {

// The key by which `spec` needs it; "" where it does not.
std::string key_of(const machine::Spec& spec, const std::string& unit, std::string_view state)
{
    if (std::ranges::find(spec.unit.requires_, unit) != spec.unit.requires_.end()) return "unit.requires";
    const machine::RootSpec& root = spec.root;
    if (machine::is_within(root.path, state)) return "root.path";
    for (size_t i = 0; i < root.lower.size(); ++i)
        if (machine::is_within(root.lower[i], state)) return fmt::format("root.lower[{}]", i);
    for (size_t i = 0; i < spec.mounts.size(); ++i)
        if (machine::is_within(spec.mounts[i].source, state)) return fmt::format("mount[{}].source", i);
    return "";
}

}  // namespace

std::vector<std::string> find_dependants(const machine::MachineName& name, std::string_view state, std::span<const machine::Spec> specs)
{
    std::vector<std::string> found;
    for (const machine::Spec& spec : specs) {
        if (spec.name == name) continue;
        const std::string key = key_of(spec, api::service_name(name), state);
        if (!key.empty()) found.push_back(fmt::format("'{}' ({})", spec.name.text(), key));
    }
    return found;
}

}  // namespace holm::daemon
