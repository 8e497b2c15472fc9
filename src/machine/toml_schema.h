// A TOML table's schema as data: one Field a key, which reads it into a struct's member and writes it back. Pure.
//
//   constexpr Field<RootSpec> root_fields[] = {
//       field<&RootSpec::path, Text<parse_path>>("path"),
//       field<&RootSpec::mode, Word<root_modes>>("mode"),
//   };
//
// A codec has `Type`, `parse(value, place)` and `describe(value)` → the TOML text behind `=`.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/text.h"
#include "machine/toml_value.h"

namespace holm::machine {

using OriginMap = std::map<std::string, Origin>;

// The element that is being looked at: an error of a codec is said of it.
struct Place {
    std::string path;  // "root.lower[1]"; "" where the error names its key itself
    Origin origin;
    bool skips_unknown = false;  // a key that is not in the schema is another version's, and means nothing here
};

// Builds the text of a table: its own keys first, then the tables within it. Nothing is written for an empty table.
class TomlWriter {
public:
    // With `origins`, a comment behind each key says where it was written.
    explicit TomlWriter(const OriginMap* origins = nullptr) : origins_(origins) {}

    void value(std::string_view key, std::string_view text);
    // The writer of a table within this one, "[key]"; or of an element of an array of tables, "[[key]]".
    TomlWriter table(std::string_view key) const;
    TomlWriter element(std::string_view key, size_t index) const;
    // Takes what a writer from table() or element() has gathered.
    void add(const TomlWriter& inner);
    std::string text() const;

private:
    const OriginMap* origins_;
    std::string header_;   // "[root]"
    std::string written_;  // "root" or "mount": as it stands in headers
    std::string path_;     // "root" or "mount[0]": as in origins
    bool element_ = false;
    std::string lines_, inner_;
};

template <typename Target>
struct Field {
    std::string_view key;
    Result<> (*read)(const TomlValue& value, Target& target, Place& place, OriginMap& origins);
    void (*write)(const Target& target, std::string_view key, TomlWriter& writer);
};

// "FILE:LINE:COLUMN: 'root.size': " and the error.
Error error_at(const Place& place, const Error& error);
// "unknown key 'root.lowr' (did you mean 'lower'?)"
Error unknown_key(Place& place, std::span<const std::string_view> known);
// "must be a string, not an integer"
Error wrong_kind(const TomlValue& value, std::string_view wanted);
std::string inner_path(std::string_view path, std::string_view key);

// Reads a table by its schema; every key must be in it. `place` is left at the key that an error is about.
template <typename Target, size_t count>
Result<> read_fields(const TomlValue& table, Target& target, const Field<Target> (&fields)[count], Place& place, OriginMap& origins)
{
    if (table.kind != TomlValue::Kind::Table) return wrong_kind(table, "a table");
    const std::string path = place.path;
    for (const TomlEntry& entry : table.entries) {
        place.path = inner_path(path, entry.key);
        place.origin = entry.value.origin;
        auto known = std::ranges::find(fields, entry.key, &Field<Target>::key);
        if (known == std::end(fields) && place.skips_unknown) continue;
        if (known == std::end(fields)) {
            std::vector<std::string_view> keys;
            for (const auto& field : fields) keys.push_back(field.key);
            return unknown_key(place, keys);
        }
        origins[place.path] = place.origin;
        TRY(known->read(entry.value, target, place, origins));
    }
    return {};
}

// The same for a whole document: the error says where.
template <typename Target, size_t count>
Result<> read_document(const TomlValue& document, Target& target, const Field<Target> (&fields)[count], OriginMap& origins,
                       bool skips_unknown = false)
{
    Place place{.path = {}, .origin = {}, .skips_unknown = skips_unknown};
    if (auto read = read_fields(document, target, fields, place, origins); !read) return error_at(place, read.error());
    return {};
}

template <typename Target, size_t count>
void write_fields(const Target& target, const Field<Target> (&fields)[count], TomlWriter& writer)
{
    for (const auto& field : fields) field.write(target, field.key, writer);
}

// ── codecs ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

namespace detail {
template <typename Member>
struct MemberOf;
template <typename Target_, typename Type_>
struct MemberOf<Type_ Target_::*> {
    using Target = Target_;
    using Type = Type_;
};
template <auto member>
using TargetOf = typename MemberOf<decltype(member)>::Target;
}  // namespace detail

// A string that `parse_` takes; `describe_` turns a value that is no string into one.
template <auto parse_, auto describe_ = nullptr>
struct Text {
    using Type = typename decltype(parse_(std::string_view()))::value_type;
    static Result<Type> parse(const TomlValue& value, Place&)
    {
        if (value.kind != TomlValue::Kind::String) return wrong_kind(value, "a string");
        return parse_(value.text);
    }
    static std::string describe(const Type& value)
    {
        if constexpr (std::is_null_pointer_v<decltype(describe_)>) return toml_quote(value);
        else return toml_quote(describe_(value));
    }
};

// The same, where a bare non-negative integer is as good as its digits in quotes.
template <auto parse_, auto describe_>
struct TextOrInteger : Text<parse_, describe_> {
    using Type = typename Text<parse_, describe_>::Type;
    static Result<Type> parse(const TomlValue& value, Place& place)
    {
        if (value.kind == TomlValue::Kind::Integer) return parse_(fmt::format("{}", value.number));
        return Text<parse_, describe_>::parse(value, place);
    }
};

struct Boolean {
    using Type = bool;
    static Result<bool> parse(const TomlValue& value, Place&)
    {
        if (value.kind != TomlValue::Kind::Boolean) return wrong_kind(value, "true or false");
        return value.flag;
    }
    static std::string describe(bool value) { return value ? "true" : "false"; }
};

template <typename Integer_, int64_t least, int64_t most>
struct Integer {
    using Type = Integer_;
    static Result<Type> parse(const TomlValue& value, Place&)
    {
        if (value.kind != TomlValue::Kind::Integer) return wrong_kind(value, "an integer");
        if (value.number < least || value.number > most)
            return error(Errc::Invalid, "{} is out of range: {} to {}", value.number, least, most);
        return static_cast<Type>(value.number);
    }
    static std::string describe(Type value) { return fmt::format("{}", value); }
};

// One of a table of words, std::pair<std::string_view, Enum>[]; where the second is a string_view too, the member is a string.
template <const auto& words>
struct Word {
    using Meaning = std::remove_cvref_t<decltype(words[0].second)>;
    using Type = std::conditional_t<std::is_same_v<Meaning, std::string_view>, std::string, Meaning>;
    static Result<Type> parse(const TomlValue& value, Place&)
    {
        if (value.kind != TomlValue::Kind::String) return wrong_kind(value, "a string");
        std::string known;
        std::vector<std::string_view> names;
        for (const auto& [name, meaning] : words) {
            if (value.text == name) return Type(meaning);
            known += fmt::format("{}{}", known.empty() ? "" : ", ", name);
            names.push_back(name);
        }
        return error(Errc::Invalid, "'{}' is none of {}{}", printable(value.text, 80), known, did_you_mean(value.text, names));
    }
    static std::string describe(const Type& value)
    {
        for (const auto& [name, meaning] : words)
            if (meaning == value) return toml_quote(name);
        return toml_quote("");
    }
};

// A list of what another codec takes, at most `most` of them.
template <typename Codec, size_t most = 1024>
struct List {
    using Type = std::vector<typename Codec::Type>;
    static Result<Type> parse(const TomlValue& value, Place& place)
    {
        if (value.kind != TomlValue::Kind::Array) return wrong_kind(value, "a list");
        if (value.items.size() > most) return error(Errc::Invalid, "has {} elements; {} is the most", value.items.size(), most);
        const Place list = place;
        Type all;
        for (const TomlValue& item : value.items) {
            place = {fmt::format("{}[{}]", list.path, all.size()), item.origin};
            all.push_back(TRY(Codec::parse(item, place)));
        }
        place = list;
        return all;
    }
    static std::string describe(const Type& all)
    {
        std::string text;
        for (const auto& one : all) text += (text.empty() ? "" : ", ") + Codec::describe(one);
        return "[" + text + "]";
    }
};

// ── fields ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

// A key whose value a codec turns into the member; a member that is as in a fresh Target is not written.
template <auto member, typename Codec>
constexpr auto field(std::string_view key)
{
    using Target = detail::TargetOf<member>;
    return Field<Target>{key,
                         [](const TomlValue& value, Target& target, Place& place, OriginMap& origins) -> Result<> {
                             target.*member = TRY(Codec::parse(value, place));
                             for (size_t i = 0; i < value.items.size(); ++i)
                                 origins[fmt::format("{}[{}]", place.path, i)] = value.items[i].origin;
                             return {};
                         },
                         [](const Target& target, std::string_view name, TomlWriter& writer) {
                             if (target.*member == Target{}.*member) return;
                             if constexpr (requires { (target.*member).has_value(); })
                                 writer.value(name, Codec::describe(*(target.*member)));
                             else writer.value(name, Codec::describe(target.*member));
                         }};
}

// A key whose table is a struct within the struct.
template <auto member, const auto& fields>
constexpr auto table_field(std::string_view key)
{
    using Target = detail::TargetOf<member>;
    return Field<Target>{key,
                         [](const TomlValue& value, Target& target, Place& place, OriginMap& origins) -> Result<> {
                             if constexpr (requires { (target.*member).emplace(); })
                                 return read_fields(value, (target.*member).emplace(), fields, place, origins);
                             else return read_fields(value, target.*member, fields, place, origins);
                         },
                         [](const Target& target, std::string_view name, TomlWriter& writer) {
                             TomlWriter inner = writer.table(name);
                             if constexpr (requires { (target.*member).has_value(); }) {
                                 if ((target.*member).has_value()) write_fields(*(target.*member), fields, inner);
                             } else write_fields(target.*member, fields, inner);
                             writer.add(inner);
                         }};
}

// A key whose table has its fields in the same struct: `syscalls` of SecuritySpec.
template <typename Target, const auto& fields>
constexpr Field<Target> group_field(std::string_view key)
{
    return {key,
            [](const TomlValue& value, Target& target, Place& place, OriginMap& origins) {
                return read_fields(value, target, fields, place, origins);
            },
            [](const Target& target, std::string_view name, TomlWriter& writer) {
                TomlWriter inner = writer.table(name);
                write_fields(target, fields, inner);
                writer.add(inner);
            }};
}

// A key whose array of tables is a vector of structs, at most 256.
template <auto member, const auto& fields>
constexpr auto tables_field(std::string_view key)
{
    using Target = detail::TargetOf<member>;
    return Field<Target>{key,
                         [](const TomlValue& value, Target& target, Place& place, OriginMap& origins) -> Result<> {
                             if (value.kind != TomlValue::Kind::Array) return wrong_kind(value, "an array of tables");
                             if (value.items.size() > 256) return error(Errc::Invalid, "has more than 256 elements");
                             const std::string path = place.path;
                             (target.*member).clear();
                             for (const TomlValue& item : value.items) {
                                 place = {fmt::format("{}[{}]", path, (target.*member).size()), item.origin};
                                 origins[place.path] = place.origin;
                                 TRY(read_fields(item, (target.*member).emplace_back(), fields, place, origins));
                             }
                             return {};
                         },
                         [](const Target& target, std::string_view name, TomlWriter& writer) {
                             for (size_t i = 0; i < (target.*member).size(); ++i) {
                                 TomlWriter inner = writer.element(name, i);
                                 write_fields((target.*member)[i], fields, inner);
                                 writer.add(inner);
                             }
                         }};
}

// A key whose table has names of the user's choice: a map or a vector of pairs. `parse_key` checks a name.
template <auto member, auto parse_key, typename Codec>
constexpr auto map_field(std::string_view key)
{
    using Target = detail::TargetOf<member>;
    return Field<Target>{key,
                         [](const TomlValue& value, Target& target, Place& place, OriginMap& origins) -> Result<> {
                             if (value.kind != TomlValue::Kind::Table) return wrong_kind(value, "a table");
                             const std::string path = place.path;
                             (target.*member).clear();
                             for (const TomlEntry& entry : value.entries) {
                                 place = {inner_path(path, entry.key), entry.value.origin};
                                 origins[place.path] = place.origin;
                                 auto name = TRY(parse_key(entry.key));
                                 (target.*member).insert((target.*member).end(), {std::move(name), TRY(Codec::parse(entry.value, place))});
                             }
                             return {};
                         },
                         [](const Target& target, std::string_view name, TomlWriter& writer) {
                             TomlWriter inner = writer.table(name);
                             for (const auto& [inner_key, value] : target.*member) inner.value(inner_key, Codec::describe(value));
                             writer.add(inner);
                         }};
}

}  // namespace holm::machine
