// The small grammars of definitions: durations, sizes, signals, limits, id ranges, paths; text ⇄ value. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "machine/spec.h"

namespace holm::machine {

// Errors of every parse_ here: Invalid, "'1KB' is no size: …", with the rule.

inline constexpr Microseconds infinite = Microseconds::max();

// A time span of systemd.time(7): "90s", "100ms", "1min 30s", "1.5h", "infinity"; a plain number is seconds.
Result<Microseconds> parse_duration(std::string_view text);
std::string describe_duration(Microseconds duration);

// A duration that may have a `-` before it, and "ns": the offset of a clock (time_namespaces(7)). No infinity.
Result<std::chrono::nanoseconds> parse_clock_offset(std::string_view text);
std::string describe_clock_offset(std::chrono::nanoseconds offset);

// Bytes, as systemd reads them: "512M", "1.5G", "1G 500M"; B K M G T P E, base 1024.
Result<uint64_t> parse_size(std::string_view text);
std::string describe_size(uint64_t bytes);

// "SIGTERM", "TERM", "15", "SIGRTMIN+3", "SIGRTMAX-1".
Result<int> parse_signal(std::string_view text);
std::string describe_signal(int signal);

// One of getrlimit(2), without RLIMIT_.
Result<std::string> parse_limit_name(std::string_view text);
// "1024:524288" (soft:hard), "1024" (both), "infinity"; sizes where the limit is one of bytes.
Result<std::pair<uint64_t, uint64_t>> parse_limit(std::string_view name, std::string_view text);
std::string describe_limit(const std::pair<uint64_t, uint64_t>& limit);

// "auto", "identity", "host", "BASE:SIZE". A range must be of 65536 ids or more, above the host's own 0 to 65535, and end
// before 4294967295, which is no id (-1).
Result<Users> parse_users(std::string_view text);
std::string describe_users(const Users& users);

// An absolute path without `..`, control bytes and NUL, of at most 4095 bytes, no part over 255 (limits.h), normalised: no
// `//`, `/./` and no `/` at the end. Every other byte is good.
Result<std::string> parse_path(std::string_view text);
// Whether `path` is `folder` or lies below it, by their text alone.
bool is_within(std::string_view path, std::string_view folder);

// "started", "notify", "unit:NAME", "port:N", "command:/PATH …".
Result<Ready> parse_ready(std::string_view text);
std::string describe_ready(const Ready& ready);

}  // namespace holm::machine
