#include "machine/unit_fate.h"

#include <csignal>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"
#include "machine/grammar.h"

namespace holm::machine {

namespace {

struct ExitName {
    int status;
    std::string_view name;
};

// systemd.exec(5): what ends with these never came to its program.
constexpr ExitName exit_names[] = {
    {200, "CHDIR"},
    {201, "NICE"},
    {202, "FDS"},
    {203, "EXEC"},
    {204, "MEMORY"},
    {205, "LIMITS"},
    {206, "OOM_ADJUST"},
    {207, "SIGNAL_MASK"},
    {208, "STDIN"},
    {209, "STDOUT"},
    {210, "CHROOT"},
    {211, "IOPRIO"},
    {213, "SECUREBITS"},
    {214, "SETSCHEDULER"},
    {215, "CPUAFFINITY"},
    {216, "GROUP"},
    {217, "USER"},
    {218, "CAPABILITIES"},
    {219, "CGROUP"},
    {220, "SETSID"},
    {222, "STDERR"},
    {224, "PAM"},
    {225, "NETWORK"},
    {226, "NAMESPACE"},
    {227, "NO_NEW_PRIVILEGES"},
    {228, "SECCOMP"},
    {229, "SELINUX_CONTEXT"},
    {231, "APPARMOR"},
    {232, "ADDRESS_FAMILIES"},
    {233, "RUNTIME_DIRECTORY"},
    {235, "CHOWN"},
    {237, "KEYRING"},
    {238, "STATE_DIRECTORY"},
    {239, "CACHE_DIRECTORY"},
    {240, "LOGS_DIRECTORY"},
    {241, "CONFIGURATION_DIRECTORY"},
    {242, "NUMA_POLICY"},
    {243, "CREDENTIALS"},
    {245, "BPF"},
};

bool has_failed(const UnitFate::Process& process)
{
    return process.code && !process.may_fail && (process.code != CLD_EXITED || process.status);
}

std::string describe_process(const UnitFate::Process& process)
{
    const std::string what =
        process.setting.empty() ? "its main process" : fmt::format("its {}={}", process.setting, printable(process.program, 256));
    if (process.code != CLD_EXITED) return fmt::format("{} was ended by {}", what, describe_signal(process.status));
    for (const ExitName& one : exit_names)
        if (one.status == process.status) return fmt::format("{} ended with status {}/{}", what, process.status, one.name);
    return fmt::format("{} ended with status {}", what, process.status);
}

// "ConditionPathExists=!/srv/x".
std::string describe_check(const UnitFate::Check& check)
{
    return printable(fmt::format("{}={}{}{}", check.type, check.is_trigger ? "|" : "", check.is_negated ? "!" : "", check.parameter), 256);
}

// Of those that trigger (|) one is enough: they count where no other has failed.
std::vector<std::string> unmet_checks(const UnitFate& fate)
{
    std::vector<std::string> unmet;
    for (bool trigger : {false, true}) {
        for (const UnitFate::Check& check : fate.checks)
            if (check.outcome < 0 && check.is_trigger == trigger) unmet.push_back(describe_check(check));
        if (!unmet.empty()) break;
    }
    return unmet;
}

// Of a unit that systemd has let go of meanwhile, and read anew, nothing is known but what it asks for.
std::vector<std::string> possible_checks(const UnitFate& fate)
{
    std::vector<std::string> possible;
    for (const UnitFate::Check& check : fate.checks)
        if (check.outcome == 0) possible.push_back(describe_check(check));
    for (const UnitFate::Process& process : fate.processes)
        if (process.setting == "ExecCondition" && process.code == 0)
            possible.push_back(fmt::format("{}={}", process.setting, printable(process.program, 256)));
    return possible;
}

std::string describe_unmet(const UnitFate& fate)
{
    const auto unmet = unmet_checks(fate);
    if (!unmet.empty()) return fmt::format("{} do{} not hold", fmt::join(unmet, ", "), unmet.size() == 1 ? "es" : "");
    const auto possible = possible_checks(fate);
    if (possible.empty()) return "a Condition or Assert of it does not hold";
    return fmt::format("{}{} does not hold", possible.size() == 1 ? "" : "one of ", fmt::join(possible, ", "));
}

}  // namespace

bool is_up(const UnitFate& fate)
{
    return !fate.active.empty() && fate.active != "inactive" && fate.active != "failed";
}

bool was_skipped(const UnitFate& fate)
{
    return !fate.conditions_hold || !fate.asserts_hold;
}

std::string describe_failure(const UnitFate& fate, std::string_view unit)
{
    if (was_skipped(fate)) {
        return fmt::format("systemd did not start unit '{0}': {1}; 'systemctl cat {0}' shows where that is set", unit,
                           describe_unmet(fate));
    }
    if (fate.result.empty() || fate.result == "success") return "";
    std::string how;
    for (const UnitFate::Process& process : fate.processes)
        if (how.empty() && has_failed(process)) how = ": " + describe_process(process);
    return fmt::format("unit '{0}' failed to start (systemd: {1}){2}; see 'journalctl -u {0}'", unit, printable(fate.result, 32), how);
}

}  // namespace holm::machine
