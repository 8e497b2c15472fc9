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

bool names_plain(const machine::Spec& spec, std::span<const std::string> names, std::string_view path)
{
    auto is_name = [&](const std::string& text) { return std::ranges::find(names, text) != names.end(); };
    auto is_in_it = [&](std::string_view text) { return machine::is_within(text, path); };
    const machine::RootSpec& root = spec.root;
    if (is_name(root.image) || is_in_it(root.path) || is_in_it(root.upper) || std::ranges::any_of(root.lower, is_in_it)) return true;
    return std::ranges::any_of(spec.mounts, [&](const machine::MountSpec& mount) {
        auto is_option_in_it = [&](std::string_view option) { return is_in_it(option.substr(option.find('=') + 1)); };
        return (mount.type == machine::MountType::Image && is_name(mount.source)) || is_in_it(mount.source) ||
               std::ranges::any_of(mount.options, is_option_in_it);
    });
}

bool uses(const rootfs::Plan& plan, std::string_view path)
{
    auto is_in_it = [&](std::string_view text) { return machine::is_within(text, path); };
    if (std::ranges::any_of(plan.lower, is_in_it) || is_in_it(plan.upper_path)) return true;
    return std::ranges::any_of(plan.mounts, [&](const rootfs::Mount& mount) {
        return is_in_it(mount.source) || is_in_it(mount.upper) || std::ranges::any_of(mount.lower, is_in_it);
    });
}

}  // namespace holm::daemon
