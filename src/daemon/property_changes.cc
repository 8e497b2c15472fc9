#include "daemon/property_changes.h"

#include <algorithm>

#include "launch/unit_properties.h"
#include "machine/cgroup_limit.h"
#include "machine/resources.h"
#include "machine/set_file.h"

namespace holm::daemon {

namespace {

bool assigns(const Assignments& assignments, const std::string& name)
{
    return std::ranges::find(assignments, name, &Assignments::value_type::first) != assignments.end();
}

}  // namespace

Result<> check_assignments(const Assignments& assignments)
{
    if (assignments.empty()) return error(Errc::Invalid, "no property is given");
    if (assignments.size() > max_assignments) return error(Errc::Invalid, "more than {} properties at once", max_assignments);
    for (const auto& [name, value] : assignments) {
        TRY(machine::bus_names_of(name));
        if (!value.empty()) TRY(machine::parse_resource(name, value), name);
    }
    return {};
}

Result<> check_read_at_load(const machine::MachineName& name, const Assignments& assignments, bool runtime, Origin origin)
{
    for (const auto& [property, value] : assignments) {
        if (!machine::is_read_at_load(property)) continue;
        if (origin == Origin::Temporary)
            return error(
                Errc::Invalid,
                "systemd takes {} when a unit is made and never after, and machine '{}' is removed at its end: give it to 'holmctl "
                "run' as --property={}=…",
                property, name.text(), property);
        if (runtime)
            return error(Errc::Invalid,
                         "systemd reads {} from a unit's file alone, not while machine '{}' runs: set it without --runtime, or put it into "
                         "its definition, and start it again",
                         property, name.text());
    }
    return {};
}

Result<KeptChange> keep_assignments(const machine::MachineName& name, const Known& known, const Assignments& assignments)
{
    KeptChange change{.path = kept_path(name, known), .before = {}};
    change.before = TRY(read_kept(change.path));
    std::string after = TRY(machine::set_resources({change.path, change.before}, assignments));
    if (!after.empty()) after.insert(0, kept_note);
    TRY(write_kept(change.path, after), fmt::format("cannot keep it for machine '{}'", name.text()));
    return change;
}

machine::Spec with_assignments(machine::Spec spec, const Assignments& assignments)
{
    std::erase_if(spec.resources, [&](const auto& known) { return assigns(assignments, known.first); });
    for (const auto& assignment : assignments)
        if (!assignment.second.empty()) spec.resources.push_back(assignment);
    return spec;
}

Result<std::vector<launch::UnitProperty>> changed_properties(const machine::Spec& spec, const machine::Settings& settings,
                                                             const Assignments& assignments, launch::UnitKind kind)
{
    auto all = TRY(
        launch::plan_unit_properties(spec, {.unit = kind, .defaults = {.resources = settings.resources}}, std::chrono::microseconds(0)));
    std::vector<std::string> names;
    for (const auto& [name, value] : assignments) {
        if (machine::is_read_at_load(name)) continue;
        auto of_bus = TRY(machine::bus_names_of(name));
        names.insert(names.end(), of_bus.begin(), of_bus.end());
    }
    std::erase_if(all, [&](const launch::UnitProperty& property) { return std::ranges::find(names, property.name) == names.end(); });
    return all;
}

void lift_limits(std::vector<launch::UnitProperty>& properties, const Assignments& assignments)
{
    for (const auto& [name, value] : assignments)
        if (machine::is_cgroup_limit(name) && std::ranges::find(properties, name, &launch::UnitProperty::name) == properties.end())
            properties.push_back(machine::no_cgroup_limit(name));
}

}  // namespace holm::daemon
