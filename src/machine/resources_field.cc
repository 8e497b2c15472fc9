#include "machine/resources_field.h"

#include "base/text.h"
#include "machine/resources.h"

namespace holm::machine {

namespace {

// As it would stand in a unit file.
Result<std::string> assignment_text(const TomlValue& value)
{
    switch (value.kind) {
    case TomlValue::Kind::String: return value.text;
    case TomlValue::Kind::Integer: return fmt::format("{}", value.number);
    case TomlValue::Kind::Boolean: return std::string(value.flag ? "yes" : "no");
    case TomlValue::Kind::Float:
    case TomlValue::Kind::Date:
    case TomlValue::Kind::Array:
    case TomlValue::Kind::Table: break;
    }
    return wrong_kind(value, "a string, an integer, true or false, or a list of them");
}

}  // namespace

Result<> read_resources(const TomlValue& table, Resources& resources, Place& place, OriginMap& origins)
{
    if (table.kind != TomlValue::Kind::Table) return wrong_kind(table, "a table");
    const std::string path = place.path;
    for (const auto& [name, value] : table.entries) {
        place = {inner_path(path, name), value.origin};
        origins[place.path] = place.origin;
        if (value.kind == TomlValue::Kind::Table)
            return error(Errc::Invalid, "a name with dots is written in quotes here: \"{}.max\" = \"…\"", printable(name, 80));
        const bool list = value.kind == TomlValue::Kind::Array;
        for (const TomlValue& item : list ? std::span(value.items) : std::span(&value, 1)) {
            std::string text = TRY(assignment_text(item));
            TRY(parse_resource(name, text));
            resources.emplace_back(name, std::move(text));
        }
    }
    return {};
}

// A property that is assigned more than once is a list.
void write_resources(const Resources& resources, TomlWriter& writer)
{
    for (size_t i = 0, next; i < resources.size(); i = next) {
        std::string texts;
        for (next = i; next < resources.size() && resources[next].first == resources[i].first; ++next)
            texts += (next == i ? "" : ", ") + toml_quote(resources[next].second);
        writer.value(resources[i].first, next == i + 1 ? texts : "[" + texts + "]");
    }
}

}  // namespace holm::machine
