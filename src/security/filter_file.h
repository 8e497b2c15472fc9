// A compiled filter as a file: what the planner writes and holm-setup loads. Pure.
#pragma once

#include <linux/filter.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace holm::security {

inline constexpr size_t max_filter_file = 128 << 10;

// One after the other, each of its own: of all that a call meets, the strictest answer counts.
using FilterPrograms = std::vector<std::vector<sock_filter>>;

// `digest`: of the programs, 32 bytes, which the file carries for who can check it.
std::string encode_programs(const FilterPrograms& programs);
std::string encode_filter_file(std::string_view digest, std::string_view encoded_programs);

struct FilterFile {
    std::string digest;
    std::string encoded_programs;
    FilterPrograms programs;
};
// Errors: Invalid (another format, cut off, no programs).
Result<FilterFile> parse_filter_file(std::string_view content);

}  // namespace holm::security
