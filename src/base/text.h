// Text: splitting, numbers, escaping for messages, the nearest known word. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holm {

std::vector<std::string_view> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);

// A decimal number of digits only, in [0, max]: no sign, no space, no base prefix, no overflow.
std::optional<uint64_t> parse_number(std::string_view text, uint64_t max = UINT64_MAX);

// The text with control bytes and invalid UTF-8 as \xNN, cut to `limit` bytes: safe in an error message or a journal line.
std::string printable(std::string_view text, size_t limit = 256);

// The candidate at the least edit distance, if it is near enough to be a slip (at most a third of the letters). "": none.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);
std::string_view nearest(std::string_view word, std::span<const std::string> candidates);
// " (did you mean 'X'?)", or "".
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

bool is_valid_utf8(std::string_view text);

}  // namespace holm
