// State: what may be asked of a machine in it.
#include <string_view>

#include "supervisor/state.h"

namespace holm::supervisor {

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
