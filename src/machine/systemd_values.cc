#include "machine/systemd_values.h"

#include <algorithm>
#include <charconv>
#include <climits>
#include <string>
#include <utility>

#include "base/text.h"

namespace holm::machine {

namespace {

constexpr std::string_view blanks = " \t\n\r", digits = "0123456789";

void skip_blanks(std::string_view& text)
{
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
}

std::string_view take_digits(std::string_view& text)
{
    const std::string_view taken = text.substr(0, text.find_first_not_of(digits));
    text.remove_prefix(taken.size());
    return taken;
}

// Digits that may have a plus before them, as strtoull(3) takes them.
std::string_view take_number(std::string_view& text)
{
    std::string_view rest = text.substr(text.starts_with('+') ? 1 : 0);
    const std::string_view taken = take_digits(rest);
    if (!taken.empty()) text = rest;
    return taken;
}

// -- sizes ----------------------------------------------------------------------------------------------------------------------------

constexpr std::string_view size_units = "EPTGMKB";

// The part behind the dot, which systemd reads as a double, too. "10." is 10.
std::optional<double> take_fraction(std::string_view& text)
{
    if (!text.starts_with('.')) return 0.0;
    text.remove_prefix(1);
    const std::string_view decimals = take_digits(text);
    if (decimals.empty()) return 0.0;
    const auto number = parse_number(decimals);
    if (!number) return {};
    auto fraction = static_cast<double>(*number);
    for (size_t i = 0; i < decimals.size(); ++i) fraction /= 10;
    return fraction;
}

std::optional<uint64_t> product_of(uint64_t whole, double fraction, uint64_t factor)
{
    uint64_t product = 0;
    const auto part = static_cast<uint64_t>(fraction * static_cast<double>(factor));
    if (fraction > 0 && whole == UINT64_MAX / factor) return {};
    if (__builtin_mul_overflow(whole, factor, &product) || __builtin_add_overflow(product, part, &product)) return {};
    return product;
}

// -- times ----------------------------------------------------------------------------------------------------------------------------

struct TimeUnit {
    std::string_view name;
    uint64_t nanoseconds;
};
constexpr uint64_t second = 1'000'000'000, day = 86400 * second, year = 31'557'600 * second;
constexpr TimeUnit time_units[] = {
    {"ns", 1},
    {"nsec", 1},
    {"us", 1'000},
    {"usec", 1'000},
    {"\u00b5s", 1'000},
    {"\u03bcs", 1'000},
    {"ms", 1'000'000},
    {"msec", 1'000'000},
    {"s", second},
    {"sec", second},
    {"second", second},
    {"seconds", second},
    {"m", 60 * second},
    {"min", 60 * second},
    {"minute", 60 * second},
    {"minutes", 60 * second},
    {"h", 3600 * second},
    {"hr", 3600 * second},
    {"hour", 3600 * second},
    {"hours", 3600 * second},
    {"d", day},
    {"day", day},
    {"days", day},
    {"w", 7 * day},
    {"week", 7 * day},
    {"weeks", 7 * day},
    {"M", year / 12},
    {"month", year / 12},
    {"months", year / 12},
    {"y", year},
    {"year", year},
    {"years", year},
};

// The longest unit that `text` begins with, of one tick or more.
const TimeUnit* find_unit(std::string_view text, uint64_t tick)
{
    const TimeUnit* longest = nullptr;
    for (const TimeUnit& unit : time_units)
        if (unit.nanoseconds >= tick && text.starts_with(unit.name) && (!longest || unit.name.size() > longest->name.size()))
            longest = &unit;
    return longest;
}

// The ticks of one number and its unit; what is less than a tick is left out.
std::optional<uint64_t> take_time(std::string_view& text, uint64_t tick)
{
    const std::string_view number = take_number(text);
    const auto whole = number.empty() ? 0 : parse_number(number);
    const bool dotted = text.starts_with('.');
    if (dotted) text.remove_prefix(1);
    const std::string_view decimals = dotted ? take_digits(text) : "";
    if (!whole || (dotted ? decimals.empty() : number.empty())) return {};
    const size_t behind = text.size();
    skip_blanks(text);
    const TimeUnit* unit = find_unit(text, tick);
    if (unit) text.remove_prefix(unit->name.size());
    if (!text.empty() && text.size() == behind) return {};  // neither a blank nor a unit
    const uint64_t ticks = (unit ? unit->nanoseconds : second) / tick;
    uint64_t sum = 0, part = ticks;
    if (__builtin_mul_overflow(*whole, ticks, &sum)) return {};
    for (char digit : decimals)
        if (__builtin_add_overflow(sum, static_cast<uint64_t>(digit - '0') * (part /= 10), &sum)) return {};
    return sum;
}

}  // namespace

// Each unit is smaller than the one before it; a number without one is bytes, and the last.
std::optional<uint64_t> find_size(std::string_view text, uint64_t base)
{
    uint64_t sum = 0;
    size_t first = 0;
    do {
        skip_blanks(text);
        const auto whole = parse_number(take_number(text));
        const auto fraction = take_fraction(text);
        if (!whole || !fraction || first > size_units.size()) return {};
        skip_blanks(text);
        const size_t unit = text.empty() ? size_units.size() : std::min(size_units.find(text.front(), first), size_units.size());
        if (unit < size_units.size()) text.remove_prefix(1);
        uint64_t factor = 1;
        for (size_t i = unit; i + 1 < size_units.size(); ++i) factor *= base;
        const auto product = product_of(*whole, *fraction, factor);
        if (!product || __builtin_add_overflow(sum, *product, &sum)) return {};
        first = unit + 1;
    } while (!text.empty());
    return sum;
}

std::optional<uint64_t> find_time_span(std::string_view text, uint64_t tick)
{
    uint64_t sum = 0;
    bool any = false;
    for (skip_blanks(text); !text.empty(); skip_blanks(text)) {
        const auto time = take_time(text, tick);
        if (!time || __builtin_add_overflow(sum, *time, &sum)) return {};
        any = true;
    }
    if (!any || sum > INT64_MAX / tick) return {};
    return sum;
}

std::optional<uint64_t> find_permyriad(std::string_view text)
{
    constexpr std::pair<std::string_view, size_t> signs[] = {{"‱", 0}, {"‰", 1}, {"%", 2}};
    for (const auto& [sign, places] : signs) {
        if (!text.ends_with(sign)) continue;
        text.remove_suffix(sign.size());
        const size_t dot = places == 0 ? text.npos : text.find('.');
        std::string decimals(dot == text.npos ? "0" : text.substr(dot + 1));
        if (decimals.empty() || decimals.size() > std::max<size_t>(places, 1)) return {};
        decimals.resize(std::max<size_t>(places, 1), '0');
        const auto whole = find_integer(text.substr(0, dot)), part = parse_number(decimals);
        if (!whole || !part || *whole > INT_MAX) return {};
        const uint64_t value = *whole * (places == 2 ? 100 : places == 1 ? 10 : 1) + *part;
        if (value > INT_MAX) return {};
        return value;
    }
    return {};
}

std::optional<uint64_t> find_integer(std::string_view text)
{
    skip_blanks(text);
    if (text.starts_with('+')) text.remove_prefix(1);
    int base = text.size() > 1 && text.starts_with('0') ? 8 : 10;
    for (const auto& [prefix, other] : {std::pair("0x", 16), {"0X", 16}, {"0o", 8}, {"0O", 8}, {"0b", 2}, {"0B", 2}}) {
        if (!text.starts_with(prefix)) continue;
        base = other;
        text.remove_prefix(2);
        break;
    }
    uint64_t value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (failure != std::errc() || end != text.data() + text.size()) return {};
    return value;
}

std::optional<bool> find_boolean(std::string_view text)
{
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    for (std::string_view yes : {"1", "yes", "y", "true", "t", "on"})
        if (lower == yes) return true;
    for (std::string_view no : {"0", "no", "n", "false", "f", "off"})
        if (lower == no) return false;
    return {};
}

}  // namespace holm::machine
