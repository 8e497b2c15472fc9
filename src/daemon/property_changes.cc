#include "daemon/property_changes.h"

#include <unistd.h>

#include <algorithm>

#include "api/limits.h"
#include "base/fd.h"
#include "daemon/definitions.h"
#include "launch/unit_properties.h"
#include "machine/resources.h"
#include "machine/set_file.h"

namespace holm::daemon {

namespace {

constexpr const char* note = "# Written by 'holmctl set'.\n";

bool assigns(const Assignments& assignments, const std::string& name)
{
    return std::ranges::find(assignments, name, &Assignments::value_type::first) != assignments.end();
}

// The file where a change of the machine is kept.
std::string kept_path(const machine::MachineName& name, const Known& known)
{
    return known.origin == Origin::Definition ? definition_path(name) + ".d/90-set.toml" : known.path;
}

Result<> write_kept(const std::string& path, const std::string& text)
{
    const std::string folder = path.substr(0, path.rfind('/'));
    if (text.empty()) {
        if (::unlink(path.c_str()) && errno != ENOENT) return sys_error("cannot remove '{}'", path);
        ::rmdir(folder.c_str());  // a drop-in's, when it was the only one
        return {};
    }
    TRY(make_folders(folder));
    return replace_file(path, text, 0600);
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

Result<KeptChange> keep_assignments(const machine::MachineName& name, const Known& known, const Assignments& assignments)
{
    KeptChange change{.path = kept_path(name, known), .before = {}};
    if (auto text = read_regular_file(change.path, api::max_definition)) change.before = std::move(*text);
    else if (text.error().code != Errc::NotFound) return text.error();
    std::string after = TRY(machine::set_resources({change.path, change.before}, assignments));
    if (!after.empty()) after.insert(0, note);
    TRY(write_kept(change.path, after), fmt::format("cannot keep it for machine '{}'", name.text()));
    return change;
}

Result<> take_back(const KeptChange& change)
{
    return write_kept(change.path, change.before);
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
        auto of_bus = TRY(machine::bus_names_of(name));
        names.insert(names.end(), of_bus.begin(), of_bus.end());
    }
    std::erase_if(all, [&](const launch::UnitProperty& property) { return std::ranges::find(names, property.name) == names.end(); });
    return all;
}

}  // namespace holm::daemon
