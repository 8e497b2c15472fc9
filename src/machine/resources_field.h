// The table [resources] as a Field, for definitions and holm.toml alike. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "machine/toml_schema.h"

namespace holm::machine {

using Resources = std::vector<std::pair<std::string, std::string>>;  // the value as it would stand in a unit file

// A value may be a string, an integer, true or false, or a list of them: one assignment each. Each is checked by
// parse_resource, but what it calls NotSupported is kept.
Result<> read_resources(const TomlValue& table, Resources& resources, Place& place, OriginMap& origins);
void write_resources(const Resources& resources, TomlWriter& writer);

template <auto member>
constexpr auto resources_field(std::string_view key)
{
    using Target = detail::TargetOf<member>;
    return Field<Target>{key,
                         [](const TomlValue& value, Target& target, Place& place, OriginMap& origins) {
                             return read_resources(value, target.*member, place, origins);
                         },
                         [](const Target& target, std::string_view name, TomlWriter& writer) {
                             TomlWriter inner = writer.table(name);
                             write_resources(target.*member, inner);
                             writer.add(inner);
                         }};
}

}  // namespace holm::machine
