#include "launch/unit_state.h"

#include <algorithm>
#include <optional>
#include <set>

#include "machine/resources.h"

namespace holm::launch {

namespace {

using Value = UnitProperty::Value;

constexpr std::string_view scale = "Scale";  // "MemoryMaxScale": a percentage of what the host has, read as MemoryMax

const UnitProperty* find(const std::vector<UnitProperty>& properties, std::string_view name)
{
    auto found = std::ranges::find(properties, name, &UnitProperty::name);
    return found == properties.end() ? nullptr : &*found;
}

// The last of a name wins, and a list is cleared by an empty one before it.
const UnitProperty* find_last(const std::vector<UnitProperty>& properties, std::string_view name)
{
    auto found = std::ranges::find(properties.rbegin(), properties.rend(), name, &UnitProperty::name);
    return found == properties.rend() ? nullptr : &*found;
}

std::optional<Value> default_of(std::string_view name)
{
    static const std::vector<UnitProperty> defaults = machine::resource_defaults();
    const UnitProperty* known = find(defaults, name);
    return known ? std::optional(known->value) : std::nullopt;
}

// In an order of their own, without what says nothing: systemd keeps lists in another, and no limit that is infinite.
struct Normal {
    Value operator()(UnitProperty::Strings list) const
    {
        std::ranges::sort(list);
        return list;
    }
    Value operator()(UnitProperty::Bytes bits) const
    {
        while (!bits.empty() && bits.back() == 0) bits.pop_back();
        return bits;
    }
    Value operator()(UnitProperty::Pairs list) const
    {
        for (auto& [path, letters] : list) std::ranges::sort(letters);
        std::ranges::sort(list);
        return list;
    }
    Value operator()(UnitProperty::Limits list) const
    {
        std::erase_if(list, [](const auto& limit) { return limit.second == UINT64_MAX; });
        std::ranges::sort(list);
        return list;
    }
    Value operator()(UnitProperty::Interfaces interfaces) const
    {
        std::ranges::sort(interfaces.second);
        return interfaces;
    }
    // systemd leaves out prefixes within others, and tells ports in ranges of its own: that there are some is all that can be held
    // against each other.
    Value operator()(const UnitProperty::Prefixes& list) const { return !list.empty(); }
    Value operator()(const UnitProperty::Ports& list) const { return !list.empty(); }
    Value operator()(const auto& value) const { return value; }
};

// False: two that are the same here may differ. A list of prefixes or ports that is not empty.
bool can_be_held_against(const Value& value)
{
    const auto* prefixes = std::get_if<UnitProperty::Prefixes>(&value);
    const auto* ports = std::get_if<UnitProperty::Ports>(&value);
    return (!prefixes || prefixes->empty()) && (!ports || ports->empty());
}

bool same(const Value& one, const Value& other)
{
    return std::visit(Normal(), one) == std::visit(Normal(), other);
}

// Whether the unit has what was planned last for `name`; what was not read is taken to be so.
bool has_planned(const std::vector<UnitProperty>& planned, const UnitProperty& property, const std::vector<UnitProperty>& real)
{
    if (property.name.ends_with(scale)) {
        const std::string limit = property.name.substr(0, property.name.size() - scale.size());
        const UnitProperty* found = find(real, limit);
        const auto none = default_of(limit);
        return !found || !none || found->value != *none;
    }
    if (find(planned, property.name + std::string(scale))) return true;
    const UnitProperty* found = find(real, property.name);
    return !found || same(found->value, property.value);
}

std::set<std::string> different_names(const std::vector<UnitProperty>& planned, const std::vector<UnitProperty>& real)
{
    std::set<std::string> names;
    for (const UnitProperty& property : planned)
        if (!has_planned(planned, *find_last(planned, property.name), real)) names.insert(property.name);
    return names;
}

}  // namespace

std::vector<UnitProperty> readable_properties()
{
    std::vector<UnitProperty> all = machine::resource_defaults();
    all.push_back({"Description", std::string()});
    all.push_back({"DeviceAllow", UnitProperty::Pairs{}});
    all.push_back({"DevicePolicy", std::string()});
    return all;
}

Plan with_real_properties(Plan plan, const std::vector<UnitProperty>& real)
{
    std::vector<UnitProperty>& properties = plan.unit.properties;
    const std::vector<UnitProperty> planned = properties;
    for (const std::string& name : different_names(planned, real)) {
        std::erase_if(properties, [&](const UnitProperty& property) { return property.name == name; });
        if (const UnitProperty* found = find(real, name)) properties.push_back(*found);
    }
    if (plan.unit.kind == UnitKind::Scope) {
        for (const UnitProperty& found : real) {
            const auto initial = default_of(found.name);
            const bool is_planned = find(planned, found.name) || find(planned, found.name + std::string(scale));
            if (initial && !is_planned && !same(found.value, *initial)) properties.push_back(found);
        }
    }
    std::ranges::stable_sort(properties, {}, &UnitProperty::name);
    return plan;
}

std::vector<UnitProperty> properties_to_tell(const std::vector<UnitProperty>& planned, const std::vector<UnitProperty>& real,
                                             std::span<const std::string> written)
{
    std::set<std::string> names = different_names(planned, real);
    names.insert(written.begin(), written.end());
    // What was not read is told. Whether a limit comes of a percentage cannot be seen; of the two the later wins: both are told.
    for (const UnitProperty& property : planned) {
        const bool is_scale = property.name.ends_with(scale);
        if (is_scale) names.insert(property.name.substr(0, property.name.size() - scale.size()));
        if (is_scale || !find(real, property.name) || !can_be_held_against(property.value)) names.insert(property.name);
    }
    std::vector<UnitProperty> told;
    for (const UnitProperty& property : planned)
        if (names.contains(property.name)) told.push_back(property);
    return told;
}

}  // namespace holm::launch
