#include "launch/describe_property.h"

#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/text.h"
#include "machine/grammar.h"
#include "machine/resource_access.h"

namespace holm::launch {

namespace {

std::string long_text(std::string_view text)
{
    return printable(text, 4096);
}

struct DescribeValue {
    std::string operator()(bool value) const { return value ? "yes" : "no"; }
    std::string operator()(int32_t value) const { return fmt::format("{}", value); }
    std::string operator()(uint32_t value) const { return describe_number(value == UINT32_MAX ? UINT64_MAX : value); }
    std::string operator()(uint64_t value) const { return describe_number(value); }
    std::string operator()(const std::string& value) const { return long_text(value); }
    std::string operator()(const UnitProperty::Strings& value) const { return long_text(fmt::format("{}", fmt::join(value, " "))); }
    // A bit mask of processors or memory nodes, as "0-3,8".
    std::string operator()(const UnitProperty::Bytes& value) const
    {
        auto has = [&](size_t bit) { return bit / 8 < value.size() && (value[bit / 8] >> bit % 8 & 1); };
        std::string text;
        for (size_t bit = 0, last = 0; bit < value.size() * 8; bit = last + 1) {
            for (last = bit; has(bit) && has(last + 1);) ++last;
            if (has(bit))
                text += fmt::format("{}{}", text.empty() ? "" : ",", last > bit ? fmt::format("{}-{}", bit, last) : fmt::format("{}", bit));
        }
        return text;
    }
    std::string operator()(const UnitProperty::Pairs& value) const
    {
        std::string text;
        for (const auto& [first, second] : value)
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", long_text(first), long_text(second));
        return text;
    }
    std::string operator()(const UnitProperty::Limits& value) const
    {
        std::string text;
        for (const auto& [first, second] : value)
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", long_text(first), describe_number(second));
        return text;
    }
    std::string operator()(const UnitProperty::Prefixes& value) const { return describe_each(value, machine::describe_prefix); }
    std::string operator()(const UnitProperty::Ports& value) const { return describe_each(value, machine::describe_bind_port); }
    std::string operator()(const UnitProperty::Interfaces& value) const { return long_text(machine::describe_interfaces(value)); }

private:
    template <typename T>
    static std::string describe_each(const std::vector<T>& values, std::string (*describe)(const T&))
    {
        std::string text;
        for (const T& value : values) text += (text.empty() ? "" : " ") + describe(value);
        return text;
    }
};

// Numbers whose meaning is in the name: times, weights, and shares of all there is (UINT32_MAX is 100 %).
std::string describe_by_name(const UnitProperty& property)
{
    const auto* number = std::get_if<uint64_t>(&property.value);
    const auto* scale = std::get_if<uint32_t>(&property.value);
    if (scale && (property.name.ends_with("Scale") || property.name.ends_with("Limit")))
        return fmt::format("{:.4g}%", *scale * 100.0 / UINT32_MAX);
    if (number && *number == UINT64_MAX && property.name.ends_with("Weight")) return "(not set)";
    if (number && *number != UINT64_MAX && property.name.ends_with("USec"))
        return machine::describe_duration(std::chrono::microseconds(*number));
    if (property.name == "KillSignal") return machine::describe_signal(std::get<int32_t>(property.value));
    return "";
}

}  // namespace

std::string describe_number(uint64_t value)
{
    return value == UINT64_MAX ? "infinity" : fmt::format("{}", value);
}

std::string describe_property(const UnitProperty& property)
{
    if (std::string text = describe_by_name(property); !text.empty()) return text;
    std::string text = std::visit(DescribeValue(), property.value);
    return text.empty() ? "(none)" : text;
}

}  // namespace holm::launch
