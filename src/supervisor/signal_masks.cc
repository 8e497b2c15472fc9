#include "supervisor/signal_masks.h"

#include <signal.h>

#include <charconv>
#include <optional>

#include "base/text.h"

namespace holm::supervisor {

namespace {

uint64_t bit(int signal)
{
    return signal >= 1 && signal <= 64 ? uint64_t{1} << (signal - 1) : 0;
}

// The hexadecimal mask after "SigCgt:".
std::optional<uint64_t> find_mask(std::string_view status, std::string_view key)
{
    for (std::string_view line : split(status, '\n')) {
        if (!line.starts_with(key)) continue;
        std::string_view text = trim(line.substr(key.size()));
        uint64_t mask = 0;
        auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), mask, 16);
        if (!text.empty() && failure == std::errc() && end == text.data() + text.size()) return mask;
    }
    return {};
}

}  // namespace

Result<SignalMasks> parse_signal_masks(std::string_view status)
{
    auto blocked = find_mask(status, "SigBlk:"), ignored = find_mask(status, "SigIgn:"), caught = find_mask(status, "SigCgt:");
    if (!blocked || !ignored || !caught) return error(Errc::Invalid, "no signal masks in the status of a process");
    return SignalMasks{*blocked, *ignored, *caught};
}

std::optional<uint64_t> parse_sleep(std::string_view status)
{
    bool sleeps = false;
    uint64_t switches = 0;
    for (std::string_view line : split(status, '\n')) {
        if (line.starts_with("State:")) sleeps = trim(line.substr(6)).starts_with('S');
        for (const std::string_view key : {"voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"})
            if (line.starts_with(key)) switches += parse_number(trim(line.substr(key.size())), UINT64_MAX).value_or(0);
    }
    return sleeps ? std::optional(switches) : std::nullopt;
}

Notice find_notice(const SignalMasks& masks, int signal)
{
    if ((masks.caught & bit(signal)) || signal == SIGKILL || signal == SIGSTOP) return Notice::Taken;
    return masks.blocked & bit(signal) ? Notice::Blocked : Notice::None;
}

int effective_signal(const SignalMasks& masks, int signal)
{
    if (signal == 0 || find_notice(masks, signal) != Notice::None || (masks.ignored & bit(signal))) return signal;
    switch (signal) {
    case SIGCHLD:
    case SIGCONT:
    case SIGURG:
    case SIGWINCH: return signal;
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU: return SIGSTOP;
    default: return SIGKILL;
    }
}

}  // namespace holm::supervisor
