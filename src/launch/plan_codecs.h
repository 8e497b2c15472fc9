// How the values of a plan stand in plan.toml: codecs for machine/toml_schema. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "launch/plan.h"
#include "machine/grammar.h"
#include "machine/identifiers.h"
#include "machine/toml_schema.h"

namespace holm::launch {

inline constexpr size_t max_arguments = 65536;  // of a command: beyond what fits in a plan file

// Text that was checked when it was the user's: any without a NUL, which no system call could take.
Result<std::string> parse_any(std::string_view text);
// The same of an absolute path; bytes that a definition could not hold are good here.
Result<std::string> parse_absolute(std::string_view text);

using AnyText = machine::Text<parse_any>;
using Path = machine::Text<parse_absolute>;
using UserId = machine::Integer<uint32_t, 0, UINT32_MAX>;
using Duration = machine::Text<machine::parse_duration, machine::describe_duration>;
using ClockOffset = machine::Text<machine::parse_clock_offset, machine::describe_clock_offset>;

// A number of 64 bits: an integer, above 2^63 - 1, which TOML has not, its digits as a string; the last "infinity".
struct Count {
    using Type = uint64_t;
    static Result<Type> parse(const machine::TomlValue& value, machine::Place& place);
    static std::string describe(Type value);
};

// "1024:infinity".
struct Limit {
    using Type = std::pair<uint64_t, uint64_t>;
    static Result<Type> parse(const machine::TomlValue& value, machine::Place& place);
    static std::string describe(const Type& value);
};

// ["CAP_CHOWN", …].
struct Capabilities {
    using Type = uint64_t;
    static Result<Type> parse(const machine::TomlValue& value, machine::Place& place);
    static std::string describe(Type value);
};

// [["TasksMax", "t", 4096], …]: name, signature as of D-Bus, value; a line each. Numbers as in Count, bytes as hex digits.
struct UnitProperties {
    using Type = std::vector<UnitProperty>;
    static Result<Type> parse(const machine::TomlValue& value, machine::Place& place);
    static std::string describe(const Type& value);
};

// The D-Bus signature of a property: "t", "a(ss)".
std::string_view signature_of(const UnitProperty::Value& value);

}  // namespace holm::launch
