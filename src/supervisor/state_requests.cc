// State: what may be asked of a machine in it, and what it is called.
#include <signal.h>

#include <string_view>

#include "supervisor/state.h"

namespace holm::supervisor {

Checking wanted_checks(const State& state)
{
    if (state.phase == Phase::Started && state.facts.ready_check) return Checking::Ready;
    return state.phase == Phase::Running && state.facts.health ? Checking::Health : Checking::Nothing;
}

const char* describe_health(const State& state)
{
    switch (state.health) {
    case Health::Unknown: return "";
    case Health::Healthy: return "healthy";
    case Health::Unhealthy: return "unhealthy";
    }
    return "";
}

int reboot_signal(const Facts& facts)
{
    if (facts.init == "systemd") return SIGRTMIN + 5;  // systemd(1): starts reboot.target
    if (facts.init == "sysv") return SIGINT;           // init(8): ctrlaltdel
    if (facts.init == "busybox") return SIGTERM;       // busybox init: reboot
    return 0;
}

const char* describe_phase(const State& state)
{
    switch (state.phase) {
    case Phase::Waiting:
    case Phase::Booting: return "starting";
    case Phase::Started: return "started";
    case Phase::Running: return "running";
    case Phase::Stopping:
        if (state.intent == Intent::Stop || state.intent == Intent::GiveUp) return "stopping";
        return state.ready ? "running" : "started";
    case Phase::Draining: return state.again || state.retry ? "starting" : "stopping";
    case Phase::Resting: return "starting";
    case Phase::Ended: return "ended";
    }
    return "";
}

Result<> allow_on_payload(const State& state)
{
    if (has_payload(state)) return {};
    bool over = state.phase == Phase::Ended || (state.phase == Phase::Draining && !state.again && !state.retry);
    return error(Errc::Busy, "the machine {}", over ? "has ended" : "has not started yet");
}

Result<> allow_exec(const State& state)
{
    TRY(allow_on_payload(state));
    if (state.frozen) return error(Errc::Busy, "the machine is frozen");
    return {};
}

Result<> allow_debug(const State& state)
{
    if (state.held.empty()) return allow_on_payload(state);
    if (state.leader) return {};
    return error(Errc::Busy, "the start is held at '{}', where the machine has no process yet: continue or abort it", state.held);
}

Result<> allow_held(const State& state)
{
    if (!state.held.empty()) return {};
    return error(Errc::Busy, "the machine is {}: only a start that is held can be continued or aborted", describe_phase(state));
}

Result<> allow_reboot(const State& state)
{
    TRY(allow_on_payload(state));
    if (state.phase == Phase::Stopping)
        return error(Errc::Busy, "the machine is {}", describe_phase(state) == std::string_view("stopping") ? "stopping" : "rebooting");
    return {};
}

}  // namespace holm::supervisor
