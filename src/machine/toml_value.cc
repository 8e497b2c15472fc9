#include "machine/toml_value.h"

#include <algorithm>

#include "base/text.h"

namespace holm::machine {

namespace {

bool is_array_of_tables(const TomlValue& value)
{
    return value.kind == TomlValue::Kind::Array && !value.items.empty() &&
           std::ranges::all_of(value.items, [](const TomlValue& item) { return item.kind == TomlValue::Kind::Table; });
}

}  // namespace

const TomlValue* TomlValue::find(std::string_view key) const
{
    auto entry = std::ranges::find(entries, key, &TomlEntry::key);
    return entry == entries.end() ? nullptr : &entry->value;
}

TomlValue merge_toml(TomlValue earlier, TomlValue later)
{
    if (earlier.kind == TomlValue::Kind::Table && later.kind == TomlValue::Kind::Table) {
        for (TomlEntry& entry : later.entries) {
            auto known = std::ranges::find(earlier.entries, entry.key, &TomlEntry::key);
            if (known == earlier.entries.end()) earlier.entries.push_back(std::move(entry));
            else known->value = merge_toml(std::move(known->value), std::move(entry.value));
        }
        return earlier;
    }
    if (is_array_of_tables(earlier) && is_array_of_tables(later) && !later.flag) {
        std::ranges::move(later.items, std::back_inserter(earlier.items));
        return earlier;
    }
    return later;
}

std::string_view describe_kind(TomlValue::Kind kind)
{
    switch (kind) {
    case TomlValue::Kind::String: return "a string";
    case TomlValue::Kind::Integer: return "an integer";
    case TomlValue::Kind::Float: return "a number with a fraction";
    case TomlValue::Kind::Boolean: return "true or false";
    case TomlValue::Kind::Date: return "a date or time";
    case TomlValue::Kind::Array: return "a list";
    case TomlValue::Kind::Table: return "a table";
    }
    return {};
}

std::string describe_position(const Origin& origin)
{
    if (origin.line == 0) return {};
    std::string position = fmt::format("{}:{}: ", origin.line, origin.column);
    return origin.file.empty() ? position : fmt::format("{}:{}", printable(origin.file), position);
}

std::string toml_quote(std::string_view text)
{
    std::string quoted = "\"";
    for (char c : text) {
        unsigned char byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') quoted += '\\', quoted += c;
        else if (c == '\n') quoted += "\\n";
        else if (c == '\t') quoted += "\\t";
        else if (byte < 0x20 || byte == 0x7f) quoted += fmt::format("\\u{:04X}", byte);
        else quoted += c;
    }
    return quoted + '"';
}

std::string toml_key(std::string_view key)
{
    auto is_bare = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    };
    return !key.empty() && std::ranges::all_of(key, is_bare) ? std::string(key) : toml_quote(key);
}

}  // namespace holm::machine
