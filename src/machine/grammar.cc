#include "machine/grammar.h"

#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <optional>

#include "base/text.h"
#include "machine/identifiers.h"
#include "machine/systemd_values.h"

namespace holm::machine {

namespace {

constexpr uint64_t second = 1'000'000'000;

// "0" and the largest unit that divides `count`, of units that each are a multiple of the one before.
std::string in_largest_unit(uint64_t count, std::span<const std::pair<std::string_view, uint64_t>> units)
{
    auto best = units.front();
    for (const auto& unit : units)
        if (count != 0 && count % unit.second == 0) best = unit;
    return fmt::format("{}{}", count / best.second, best.first);
}

constexpr std::string_view plain_limits[] = {"CPU", "NOFILE", "NPROC", "LOCKS", "SIGPENDING", "NICE", "RTPRIO", "RTTIME"};
constexpr std::string_view byte_limits[] = {"FSIZE", "DATA", "STACK", "CORE", "RSS", "AS", "MEMLOCK", "MSGQUEUE"};

}  // namespace

Result<Microseconds> parse_duration(std::string_view text)
{
    if (trim(text) == "infinity") return infinite;
    auto span = find_time_span(text, 1000);
    if (!span)
        return error(Errc::Invalid, "'{}' is no time span: numbers with us, ms, s, min, h, d, w, month or y, or 'infinity'",
                     printable(text, 80));
    return Microseconds(*span);
}

std::string describe_duration(Microseconds duration)
{
    constexpr std::pair<std::string_view, uint64_t> units[] = {{"us", 1}, {"ms", 1'000}, {"s", 1'000'000}};
    return duration == infinite ? "infinity" : in_largest_unit(static_cast<uint64_t>(duration.count()), units);
}

Result<std::chrono::nanoseconds> parse_clock_offset(std::string_view text)
{
    bool back = text.starts_with('-');
    auto sum = find_time_span(text.substr(back ? 1 : 0), 1);
    if (!sum) return error(Errc::Invalid, "'{}' is no offset of a clock: a time span, which may have '-' before it", printable(text, 80));
    auto offset = std::chrono::nanoseconds(*sum);
    return back ? -offset : offset;
}

std::string describe_clock_offset(std::chrono::nanoseconds offset)
{
    constexpr std::pair<std::string_view, uint64_t> units[] = {{"ns", 1}, {"us", 1'000}, {"ms", 1'000'000}, {"s", second}};
    bool back = offset.count() < 0;
    uint64_t distance = back ? 0 - static_cast<uint64_t>(offset.count()) : static_cast<uint64_t>(offset.count());
    return (back ? "-" : "") + in_largest_unit(distance, units);
}

Result<uint64_t> parse_size(std::string_view text)
{
    auto bytes = find_size(text, 1024);
    if (!bytes || *bytes > INT64_MAX)
        return error(Errc::Invalid, "'{}' is no size: numbers, and B, K, M, G, T, P or E (of 1024) behind them", printable(text, 80));
    return *bytes;
}

std::string describe_size(uint64_t bytes)
{
    constexpr std::pair<std::string_view, uint64_t> units[] = {
        {"", 1}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"T", uint64_t{1} << 40}};
    return in_largest_unit(bytes, units);
}

Result<int> parse_signal(std::string_view text)
{
    std::string_view name = text.starts_with("SIG") ? text.substr(3) : text;
    if (auto number = parse_number(text, static_cast<uint64_t>(SIGRTMAX)); number && *number > 0) return static_cast<int>(*number);
    const auto span = static_cast<uint64_t>(SIGRTMAX - SIGRTMIN);
    if (name == "RTMIN") return SIGRTMIN;
    if (name == "RTMAX") return SIGRTMAX;
    if (name.starts_with("RTMIN+"))
        if (auto up = parse_number(name.substr(6), span)) return SIGRTMIN + static_cast<int>(*up);
    if (name.starts_with("RTMAX-"))
        if (auto down = parse_number(name.substr(6), span)) return SIGRTMAX - static_cast<int>(*down);
    for (int signal = 1; signal < SIGRTMIN; ++signal)
        if (const char* known = ::sigabbrev_np(signal); known && name == known) return signal;
    return error(Errc::Invalid, "'{}' is no signal: a name as in signal(7), a number, SIGRTMIN+N or SIGRTMAX-N", printable(text, 80));
}

std::string describe_signal(int signal)
{
    if (signal >= SIGRTMIN && signal <= SIGRTMAX) return fmt::format("SIGRTMIN+{}", signal - SIGRTMIN);
    const char* known = ::sigabbrev_np(signal);
    return known ? fmt::format("SIG{}", known) : fmt::format("{}", signal);
}

Result<std::string> parse_limit_name(std::string_view text)
{
    if (std::ranges::find(plain_limits, text) != std::end(plain_limits)) return std::string(text);
    if (std::ranges::find(byte_limits, text) != std::end(byte_limits)) return std::string(text);
    std::vector<std::string_view> known(std::begin(plain_limits), std::end(plain_limits));
    known.insert(known.end(), std::begin(byte_limits), std::end(byte_limits));
    return error(Errc::Invalid, "'{}' is no limit of getrlimit(2){}", printable(text, 80), did_you_mean(text, known));
}

Result<std::pair<uint64_t, uint64_t>> parse_limit(std::string_view name, std::string_view text)
{
    bool bytes = std::ranges::find(byte_limits, name) != std::end(byte_limits);
    auto one = [&](std::string_view part) -> Result<uint64_t> {
        if (part == "infinity") return uint64_t{RLIM_INFINITY};
        if (bytes) return parse_size(part);
        if (auto number = parse_number(part, INT64_MAX)) return *number;
        return error(Errc::Invalid, "'{}' is no value of a limit: digits, or 'infinity'", printable(part, 80));
    };
    size_t colon = text.find(':');
    uint64_t soft = TRY(one(text.substr(0, colon)));
    uint64_t hard = colon == text.npos ? soft : TRY(one(text.substr(colon + 1)));
    if (soft > hard) return error(Errc::Invalid, "'{}': the soft limit is above the hard one", printable(text, 80));
    return std::pair(soft, hard);
}

std::string describe_limit(const std::pair<uint64_t, uint64_t>& limit)
{
    auto one = [](uint64_t value) { return value == RLIM_INFINITY ? std::string("infinity") : fmt::format("{}", value); };
    return fmt::format("{}:{}", one(limit.first), one(limit.second));
}

Result<Users> parse_users(std::string_view text)
{
    if (text == "auto") return Users{};
    if (text == "identity") return Users{.kind = UsersKind::Identity};
    if (text == "host") return Users{.kind = UsersKind::Host};
    constexpr uint64_t own_ids = 65536, highest = UINT32_MAX - 1;
    size_t colon = std::min(text.find(':'), text.size());
    auto base = parse_number(text.substr(0, colon)), count = parse_number(text.substr(std::min(colon + 1, text.size())));
    if (!base || !count)
        return error(Errc::Invalid, "'{}' is none of auto, identity, host and BASE:SIZE in decimal digits", printable(text, 80));
    if (*base < own_ids) return error(Errc::Invalid, "'{}' begins below 65536, among the host's own ids", text);
    if (*count < 65536) return error(Errc::Invalid, "'{}' has fewer than 65536 ids, which an operating system needs", text);
    if (*base > highest || *count > highest - *base + 1) return error(Errc::Invalid, "'{}' ends above 4294967294, the highest id", text);
    return Users{.kind = UsersKind::Range, .base = static_cast<uint32_t>(*base), .count = static_cast<uint32_t>(*count)};
}

std::string describe_users(const Users& users)
{
    switch (users.kind) {
    case UsersKind::Auto: return "auto";
    case UsersKind::Range: return fmt::format("{}:{}", users.base, users.count);
    case UsersKind::Identity: return "identity";
    case UsersKind::Host: return "host";
    }
    return {};
}

Result<std::string> parse_path(std::string_view text)
{
    auto bad = [&](std::string_view rule) { return error(Errc::Invalid, "'{}' is no path: it {}", printable(text, 200), rule); };
    if (!text.starts_with('/')) return bad("must be absolute");
    if (text.size() > 4095) return bad("is longer than 4095 bytes");
    if (has_control(text)) return bad("has a control character");
    std::string path;
    for (std::string_view part : split(text, '/')) {
        if (part.empty() || part == ".") continue;
        if (part == "..") return bad("must not have '..' in it");
        if (part.size() > 255) return bad("has a part longer than 255 bytes");
        path += '/';
        path += part;
    }
    return path.empty() ? "/" : path;
}

bool is_within(std::string_view path, std::string_view folder)
{
    if (folder == "/") return true;
    return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

Result<Ready> parse_ready(std::string_view text)
{
    if (text == "started") return Ready{ReadyKind::Started, ""};
    if (text == "notify") return Ready{ReadyKind::Notify, ""};
    size_t colon = std::min(text.find(':'), text.size());
    std::string_view kind = text.substr(0, colon), argument = text.substr(std::min(colon + 1, text.size()));
    if (kind == "unit") return Ready{ReadyKind::Unit, TRY(parse_unit(argument))};
    if (kind == "port") {
        if (auto port = parse_number(argument, 65535); port && *port > 0) return Ready{ReadyKind::Port, std::string(argument)};
        return error(Errc::Invalid, "'{}' is no port: 1 to 65535", printable(argument, 80));
    }
    if (kind == "command" && argument.starts_with('/') && !has_control(argument)) return Ready{ReadyKind::Command, std::string(argument)};
    return error(Errc::Invalid, "'{}' is none of started, notify, unit:NAME, port:N and command:/PATH", printable(text, 80));
}

std::string describe_ready(const Ready& ready)
{
    switch (ready.kind) {
    case ReadyKind::Default: return {};
    case ReadyKind::Started: return "started";
    case ReadyKind::Notify: return "notify";
    case ReadyKind::Unit: return "unit:" + ready.argument;
    case ReadyKind::Port: return "port:" + ready.argument;
    case ReadyKind::Command: return "command:" + ready.argument;
    }
    return {};
}

}  // namespace holm::machine
