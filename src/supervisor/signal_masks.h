// Signal masks: what a process does with its signals (SigBlk, SigIgn and SigCgt of proc(5)), and what that means for the
// PID 1 of a machine, to which the kernel drops every signal that it has no handler for (pid_namespaces(7)). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"

namespace holm::supervisor {

// Bit N-1 stands for signal N.
struct SignalMasks {
    uint64_t blocked = 0, ignored = 0, caught = 0;
    bool operator==(const SignalMasks&) const = default;
};

// The masks in the text of /proc/PID/status. Errors: Invalid.
Result<SignalMasks> parse_signal_masks(std::string_view status);

// Of a process that sleeps: how often it has been given the processor so far; the same number twice, and it has slept in between. In the
// same text.
std::optional<uint64_t> parse_sleep(std::string_view status);

// Whether a PID 1 takes notice of a signal from outside its pid namespace.
enum class Notice {
    Taken,    // it catches it, or it is SIGKILL or SIGSTOP
    Blocked,  // taken where it stays so (systemd and tini read theirs, signalfd(2), sigtimedwait(2)); a shell that is just forking
              // has all blocked for a moment, and drops it afterwards
    None,     // the kernel drops it
};
Notice find_notice(const SignalMasks& masks, int signal);

// The signal that does to a PID 1 that takes no notice what `signal` does to any process: itself where it is explicitly ignored or
// ignored by default (signal(7)); else SIGKILL for what ends a process and SIGSTOP for what stops one.
int effective_signal(const SignalMasks& masks, int signal);

}  // namespace holm::supervisor
