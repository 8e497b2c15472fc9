// [resources]: the properties of systemd.resource-control(5) of systemd 252, checked, as its D-Bus API takes them. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "machine/unit_property.h"

namespace holm::machine {

// "MemoryMax=50%" is MemoryMaxScale, u.
using ResourceProperty = UnitProperty;

// One assignment as in a unit file, "MemoryMax", "512M". Errors: Invalid, with the nearest name or the grammar of the value.
Result<ResourceProperty> parse_resource(std::string_view name, std::string_view value);

// All of a definition: an assignment of a list property is added to earlier ones of it, any other replaces an earlier one.
Result<std::vector<ResourceProperty>> parse_resources(std::span<const std::pair<std::string, std::string>> assignments);

// The names under which D-Bus knows what is assigned to: MemoryMax and MemoryMaxScale of "MemoryMax". Errors: Invalid.
Result<std::vector<std::string>> bus_names_of(std::string_view name);

// Whether a property that is set adds to what is there; an empty one of these clears it.
bool is_list(const ResourceProperty& property);

// Whether systemd takes it of a unit's file or with StartTransientUnit alone, and refuses it of a unit that is there: BPFProgram.
bool is_read_at_load(std::string_view name);

// What the property is when nobody sets it, under the name(s) that D-Bus knows: MemoryMax is infinity. For the rule that
// a start sets the whole list. Properties of later systemd versions are not in it.
std::vector<ResourceProperty> resource_defaults();

}  // namespace holm::machine
