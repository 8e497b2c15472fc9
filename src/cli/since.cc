#include "cli/since.h"

#include <ctime>

#include "base/text.h"
#include "machine/grammar.h"

namespace holm::cli {

namespace {

constexpr uint64_t second = 1'000'000;

tm local_time(uint64_t now)
{
    const auto seconds = static_cast<time_t>(now / second);
    tm local{};
    ::localtime_r(&seconds, &local);
    local.tm_isdst = -1;
    return local;
}

Result<uint64_t> moment_of(tm local, std::string_view text)
{
    const time_t seconds = ::mktime(&local);
    if (seconds < 0) return error(Errc::Invalid, "'{}' is before 1970", printable(text));
    return static_cast<uint64_t>(seconds) * second;
}

Result<uint64_t> midnight(uint64_t now, int days_before, std::string_view text)
{
    tm local = local_time(now);
    local.tm_mday -= days_before;
    local.tm_hour = local.tm_min = local.tm_sec = 0;
    return moment_of(local, text);
}

// The day of now where only the time is given, midnight where only the day.
Result<uint64_t> parse_clock(std::string_view text, uint64_t now)
{
    const std::string whole(text);
    for (const char* format : {"%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%H:%M:%S", "%H:%M"}) {
        tm local = local_time(now);
        local.tm_hour = local.tm_min = local.tm_sec = 0;
        const char* end = ::strptime(whole.c_str(), format, &local);
        if (end && *end == '\0') return moment_of(local, text);
    }
    return error(Errc::Invalid, "'{}' is no time: write \"2026-11-22 10:00\", \"10:00\", \"today\", \"yesterday\", \"-1h\" or \"@SECONDS\"",
                 printable(text));
}

}  // namespace

Result<uint64_t> parse_since(std::string_view text, uint64_t now)
{
    if (text == "now") return now;
    if (text == "today") return midnight(now, 0, text);
    if (text == "yesterday") return midnight(now, 1, text);
    if (text.starts_with('@')) {
        auto seconds = parse_number(text.substr(1), UINT64_MAX / second);
        return seconds ? Result<uint64_t>(*seconds * second)
                       : error(Errc::Invalid, "'{}' is no number of seconds since 1970", printable(text));
    }
    if (text.starts_with('-') || text.ends_with(" ago")) {
        const std::string_view span = text.starts_with('-') ? text.substr(1) : text.substr(0, text.size() - 4);
        const auto before = static_cast<uint64_t>(TRY(machine::parse_duration(span)).count());
        return before < now ? now - before : 0;
    }
    return parse_clock(text, now);
}

}  // namespace holm::cli
