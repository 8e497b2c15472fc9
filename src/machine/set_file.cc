#include "machine/set_file.h"

#include <algorithm>

#include "base/text.h"
#include "machine/spec_schema.h"
#include "machine/toml_schema.h"

namespace holm::machine {

namespace {

using Kind = TomlValue::Kind;

bool is_array_of_tables(const TomlValue& value)
{
    return value.kind == Kind::Array && !value.items.empty() && value.items.front().kind == Kind::Table;
}

// Of a value behind `=`. Numbers with a fraction and dates are in no key of a definition.
std::string describe_inline(const TomlValue& value)
{
    std::vector<std::string> parts;
    switch (value.kind) {
    case Kind::String: return toml_quote(value.text);
    case Kind::Integer: return fmt::format("{}", value.number);
    case Kind::Boolean: return value.flag ? "true" : "false";
    case Kind::Array:
        for (const TomlValue& item : value.items) parts.push_back(describe_inline(item));
        return fmt::format("[{}]", fmt::join(parts, ", "));
    case Kind::Table:
        for (const TomlEntry& entry : value.entries) parts.push_back(toml_key(entry.key) + " = " + describe_inline(entry.value));
        return fmt::format("{{ {} }}", fmt::join(parts, ", "));
    case Kind::Float:
    case Kind::Date: break;
    }
    return "\"\"";
}

void write_table(const TomlValue& table, TomlWriter& writer)
{
    for (const auto& [key, value] : table.entries) {
        if (value.kind == Kind::Table) {
            TomlWriter inner = writer.table(key);
            write_table(value, inner);
            writer.add(inner);
        } else if (is_array_of_tables(value) && !value.flag) {
            for (size_t i = 0; i < value.items.size(); ++i) {
                TomlWriter inner = writer.element(key, i);
                write_table(value.items[i], inner);
                writer.add(inner);
            }
        } else writer.value(key, describe_inline(value));
    }
}

TomlValue& table_of(TomlValue& document, std::string_view key)
{
    auto known = std::ranges::find(document.entries, key, &TomlEntry::key);
    if (known != document.entries.end()) return known->value;
    return document.entries.emplace_back(TomlEntry{std::string(key), {}}).value;
}

// A value beside those that the same change has set already.
void assign(TomlValue& table, const std::string& name, const std::string& text, bool first)
{
    if (first) std::erase_if(table.entries, [&](const TomlEntry& entry) { return entry.key == name; });
    if (text.empty()) return;
    auto known = std::ranges::find(table.entries, name, &TomlEntry::key);
    TomlValue value;
    value.kind = Kind::String;
    value.text = text;
    if (known == table.entries.end()) {
        table.entries.push_back({name, std::move(value)});
        return;
    }
    if (known->value.kind != Kind::Array) {
        TomlValue list;
        list.kind = Kind::Array;
        list.items.push_back(std::move(known->value));
        known->value = std::move(list);
    }
    known->value.items.push_back(std::move(value));
}

}  // namespace

Result<std::string> set_resources(const Source& before, std::span<const std::pair<std::string, std::string>> assignments)
{
    TomlValue document = TRY(parse_toml(before));
    TomlValue& resources = table_of(document, "resources");
    for (size_t i = 0; i < assignments.size(); ++i) {
        const auto& [name, text] = assignments[i];
        const bool first =
            std::ranges::find(assignments.first(i), name, &std::pair<std::string, std::string>::first) == assignments.first(i).end();
        assign(resources, name, text, first);
    }
    TomlWriter writer;
    write_table(document, writer);
    return writer.text();
}

namespace {

// As [[network]], or as one list that replaces what is below.
Result<TomlValue> describe_networks(std::vector<NetworkSpec> networks, bool replaces)
{
    Spec spec;
    spec.networks = std::move(networks);
    const TomlValue document = TRY(parse_toml({"", write_spec(spec, false)}));
    TomlValue value;
    value.kind = Kind::Array;
    if (const TomlValue* described = document.find("network")) value = *described;
    value.flag = replaces;
    return value;
}

}  // namespace

Result<std::string> set_networks(const Source& before, const std::vector<NetworkSpec>& below, const std::vector<NetworkSpec>& networks)
{
    TomlValue document = TRY(parse_toml(before));
    std::erase_if(document.entries, [](const TomlEntry& entry) { return entry.key == "network"; });
    const bool goes_on = below.size() <= networks.size() && std::equal(below.begin(), below.end(), networks.begin());
    if (networks != below) {
        const auto added = goes_on ? std::vector(networks.begin() + static_cast<ptrdiff_t>(below.size()), networks.end()) : networks;
        TomlValue described = TRY(describe_networks(added, !goes_on));
        document.entries.push_back({"network", std::move(described)});
    }
    TomlWriter writer;
    write_table(document, writer);
    return writer.text();
}

Result<std::vector<NetworkSpec>> networks_of(std::span<const Source> sources)
{
    TomlValue document;
    for (const Source& source : sources) document = merge_toml(std::move(document), TRY(parse_toml(source)));
    std::erase_if(document.entries, [](const TomlEntry& entry) { return entry.key != "network"; });
    Spec spec;
    TRY(read_spec(document, spec));
    return std::move(spec.networks);
}

namespace {

// A list of tables is too long to be shown: where it stands is.
std::string describe_set(const TomlValue& value)
{
    const std::string place = fmt::format("{}:{}", printable(value.origin.file, 4096), value.origin.line);
    if (is_array_of_tables(value)) return place;
    return fmt::format("{} ({})", value.kind == Kind::String ? printable(value.text, 4096) : describe_inline(value), place);
}

void find_overridden(const TomlValue& below, const TomlValue& set, const std::string& path, std::vector<Overridden>& found)
{
    for (const auto& [key, value] : set.entries) {
        const TomlValue* other = below.find(key);
        if (!other) continue;
        const std::string inner = path.empty() ? key : fmt::format("{}.{}", path, key);
        if (other->kind == Kind::Table && value.kind == Kind::Table) find_overridden(*other, value, inner, found);
        else if (is_array_of_tables(value) && !value.flag) continue;  // more of them
        else if (describe_inline(*other) != describe_inline(value)) found.push_back({inner, describe_set(*other), describe_set(value)});
    }
}

}  // namespace

Result<std::vector<Overridden>> find_overridden(std::span<const Source> below, const Source& set)
{
    TomlValue document;
    for (const Source& source : below) document = merge_toml(std::move(document), TRY(parse_toml(source)));
    std::vector<Overridden> found;
    find_overridden(document, TRY(parse_toml(set)), "", found);
    return found;
}

}  // namespace holm::machine
