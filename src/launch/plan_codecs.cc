#include "launch/plan_codecs.h"

#include <array>

#include "base/text.h"
#include "machine/resource_access.h"
#include "security/capability_set.h"

namespace holm::launch {

namespace {

using machine::Place;
using machine::toml_quote;
using machine::TomlValue;
using Kind = machine::TomlValue::Kind;

// Of UnitProperty::Value's alternatives, in their order.
constexpr std::array<std::string_view, 12> signatures = {"b",  "i",     "u",     "t",       "s",       "as",
                                                         "ay", "a(ss)", "a(st)", "a(iayu)", "a(iiqq)", "(bas)"};
static_assert(std::variant_size_v<UnitProperty::Value> == signatures.size());

std::string describe_hex(const UnitProperty::Bytes& bytes)
{
    std::string text;
    for (uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
    return text;
}

Result<UnitProperty::Bytes> parse_hex(std::string_view text)
{
    auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
    UnitProperty::Bytes bytes;
    for (size_t i = 0; i + 1 < text.size(); i += 2) {
        int high = digit(text[i]), low = digit(text[i + 1]);
        if (high < 0 || low < 0) return error(Errc::Invalid, "'{}' has other than hex digits", printable(text, 80));
        bytes.push_back(static_cast<uint8_t>(high << 4 | low));
    }
    if (text.size() % 2) return error(Errc::Invalid, "'{}' has an odd number of hex digits", printable(text, 80));
    return bytes;
}

Result<uint64_t> parse_count(std::string_view text)
{
    if (text == "infinity") return UINT64_MAX;
    if (auto number = parse_number(text)) return *number;
    return error(Errc::Invalid, "'{}' is no number", printable(text, 80));
}

std::string describe_count(uint64_t value)
{
    return value == UINT64_MAX ? "infinity" : fmt::format("{}", value);
}

// A pair as an array of two.
template <typename Second>
struct PairOf {
    using Type = std::pair<std::string, typename Second::Type>;
    static Result<Type> parse(const TomlValue& value, Place& place)
    {
        if (value.kind != Kind::Array || value.items.size() != 2) return error(Errc::Invalid, "must be a list of two");
        std::string first = TRY(AnyText::parse(value.items[0], place));
        return Type(std::move(first), TRY(Second::parse(value.items[1], place)));
    }
    static std::string describe(const Type& value)
    {
        return fmt::format("[{}, {}]", toml_quote(value.first), Second::describe(value.second));
    }
};

using Int32 = machine::Integer<int32_t, INT32_MIN, INT32_MAX>;
using Uint32 = machine::Integer<uint32_t, 0, UINT32_MAX>;
using Bytes = machine::Text<parse_hex, describe_hex>;
using Prefix = machine::Text<machine::parse_prefix, machine::describe_prefix>;
using Port = machine::Text<machine::parse_bind_port, machine::describe_bind_port>;
using Interfaces = machine::Text<machine::parse_interfaces, machine::describe_interfaces>;
constexpr size_t most = 8192;  // elements of a list property: AllowedCPUs and the like are one string

Result<UnitProperty::Value> parse_value(std::string_view signature, const TomlValue& value, Place& place)
{
    if (signature == "b") return TRY(machine::Boolean::parse(value, place));
    if (signature == "i") return TRY(Int32::parse(value, place));
    if (signature == "u") return TRY(Uint32::parse(value, place));
    if (signature == "t") return TRY(Count::parse(value, place));
    if (signature == "s") return TRY(AnyText::parse(value, place));
    if (signature == "as") return TRY((machine::List<AnyText, most>::parse(value, place)));
    if (signature == "ay") return TRY(Bytes::parse(value, place));
    if (signature == "a(ss)") return TRY((machine::List<PairOf<AnyText>, most>::parse(value, place)));
    if (signature == "a(st)") return TRY((machine::List<PairOf<Count>, most>::parse(value, place)));
    if (signature == "a(iayu)") return TRY((machine::List<Prefix, most>::parse(value, place)));
    if (signature == "a(iiqq)") return TRY((machine::List<Port, most>::parse(value, place)));
    if (signature == "(bas)") return TRY(Interfaces::parse(value, place));
    return error(Errc::Invalid, "'{}' is no signature of a unit's property", printable(signature, 80));
}

struct Describe {
    std::string operator()(bool value) const { return machine::Boolean::describe(value); }
    std::string operator()(int32_t value) const { return Int32::describe(value); }
    std::string operator()(uint32_t value) const { return Uint32::describe(value); }
    std::string operator()(uint64_t value) const { return Count::describe(value); }
    std::string operator()(const std::string& value) const { return AnyText::describe(value); }
    std::string operator()(const UnitProperty::Strings& value) const { return machine::List<AnyText>::describe(value); }
    std::string operator()(const UnitProperty::Bytes& value) const { return Bytes::describe(value); }
    std::string operator()(const UnitProperty::Pairs& value) const { return machine::List<PairOf<AnyText>>::describe(value); }
    std::string operator()(const UnitProperty::Limits& value) const { return machine::List<PairOf<Count>>::describe(value); }
    std::string operator()(const UnitProperty::Prefixes& value) const { return machine::List<Prefix>::describe(value); }
    std::string operator()(const UnitProperty::Ports& value) const { return machine::List<Port>::describe(value); }
    std::string operator()(const UnitProperty::Interfaces& value) const { return Interfaces::describe(value); }
};

// One element of UnitProperties.
struct Property {
    using Type = UnitProperty;
    static Result<Type> parse(const TomlValue& value, Place& place)
    {
        if (value.kind != Kind::Array || value.items.size() != 3)
            return error(Errc::Invalid, "must be a list of name, signature and value");
        std::string name = TRY(AnyText::parse(value.items[0], place)), signature = TRY(AnyText::parse(value.items[1], place));
        auto content = TRY(parse_value(signature, value.items[2], place));
        return UnitProperty{std::move(name), std::move(content)};
    }
};

}  // namespace

Result<std::string> parse_any(std::string_view text)
{
    if (text.contains('\0')) return error(Errc::Invalid, "has a NUL byte");
    return std::string(text);
}

Result<std::string> parse_absolute(std::string_view text)
{
    if (!text.starts_with('/')) return error(Errc::Invalid, "'{}' is no absolute path", printable(text, 80));
    return parse_any(text);
}

Result<uint64_t> Count::parse(const TomlValue& value, Place&)
{
    if (value.kind == Kind::String) return parse_count(value.text);
    if (value.kind != Kind::Integer) return machine::wrong_kind(value, "a number");
    if (value.number < 0) return error(Errc::Invalid, "must not be negative");
    return static_cast<uint64_t>(value.number);
}

std::string Count::describe(uint64_t value)
{
    return value > INT64_MAX ? toml_quote(describe_count(value)) : fmt::format("{}", value);
}

Result<Limit::Type> Limit::parse(const TomlValue& value, Place& place)
{
    std::string text = TRY(AnyText::parse(value, place));
    std::vector<std::string_view> parts = split(text, ':');
    if (parts.size() != 2) return error(Errc::Invalid, "'{}' is not SOFT:HARD", printable(text, 80));
    uint64_t soft = TRY(parse_count(parts[0]));
    return Type(soft, TRY(parse_count(parts[1])));
}

std::string Limit::describe(const Type& value)
{
    return toml_quote(fmt::format("{}:{}", describe_count(value.first), describe_count(value.second)));
}

Result<uint64_t> Capabilities::parse(const TomlValue& value, Place& place)
{
    uint64_t set = 0;
    for (const std::string& name : TRY((machine::List<AnyText, 64>::parse(value, place)))) set |= TRY(security::parse_capability_bit(name));
    return set;
}

std::string Capabilities::describe(uint64_t value)
{
    return machine::List<AnyText>::describe(security::describe_capabilities(value));
}

Result<UnitProperties::Type> UnitProperties::parse(const TomlValue& value, Place& place)
{
    return machine::List<Property, most>::parse(value, place);
}

std::string UnitProperties::describe(const Type& value)
{
    std::string text = "[\n";
    for (const UnitProperty& property : value)
        text += fmt::format("    [{}, {}, {}],\n", toml_quote(property.name), toml_quote(signature_of(property.value)),
                            std::visit(Describe(), property.value));
    return text + "]";
}

std::string_view signature_of(const UnitProperty::Value& value)
{
    return signatures[value.index()];
}

}  // namespace holm::launch
