#include "cli/sizes.h"

#include <ctime>

#include <fmt/format.h>

namespace holm::cli {

std::string describe_size(uint64_t bytes)
{
    if (bytes == UINT64_MAX) return "-";
    if (bytes < 1024) return fmt::format("{}B", bytes);
    double size = static_cast<double>(bytes);
    const char* unit = "KMGTPE";
    for (size /= 1024; size >= 1024; size /= 1024) ++unit;
    return fmt::format("{:.1f}{}", size, *unit);
}

std::string describe_time(uint64_t time)
{
    if (time == 0) return "-";
    const auto seconds = static_cast<time_t>(time / 1000000);
    tm local{};
    ::localtime_r(&seconds, &local);
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}", local.tm_year + 1900, local.tm_mon + 1, local.tm_mday, local.tm_hour, local.tm_min);
}

}  // namespace holm::cli
