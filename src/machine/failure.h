// Failure: how the last run of a machine went wrong, for a person: at which of its numbered steps, and what may be done. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holm::machine {

struct Failure {
    std::string step;            // of run_steps(); "": not known
    int sys_errno = 0;           // 0: none
    int signal = 0;              // that ended the payload, 0: none
    std::string why;             // the sentence
    uint64_t memory_kills = 0;   // processes that the kernel killed for want of memory, in the last boot
    uint64_t tasks_refused = 0;  // forks that TasksMax has refused
    std::string guest_unit;      // the first unit of the machine's own systemd that failed
    bool operator==(const Failure&) const = default;
};

struct RunStep {
    std::string_view name;  // as an error of holm-setup has it
    std::string_view what;
};

// From the request to the end, in their order: what comes before the failed one was done.
std::span<const RunStep> run_steps();

// What may be done about it, a sentence each; the likeliest first.
std::vector<std::string> find_hints(const Failure& failure, std::string_view machine);

}  // namespace holm::machine
