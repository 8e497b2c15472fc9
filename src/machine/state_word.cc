// What users see of a life, and of its end: machine/state.h.
#include "machine/state.h"

namespace holm::machine {

bool is_good(const Event& event)
{
    switch (event.result) {
    case EndResult::Poweroff: return true;
    case EndResult::Exited: return event.status == 0 || event.asked;
    case EndResult::Signalled:
    case EndResult::Killed: return event.asked;
    case EndResult::Failed: break;
    }
    return false;
}

State state_of(Stage stage)
{
    switch (stage) {
    case Stage::Stopped: return State::Stopped;
    case Stage::Failed: return State::Failed;
    case Stage::Asked:
    case Stage::Planning:
    case Stage::Entering:
    case Stage::Booting: return State::Starting;
    case Stage::Running: return State::Running;
    case Stage::Stopping: return State::Stopping;
    }
    return State::Failed;
}

std::string_view describe_state(State state)
{
    switch (state) {
    case State::Stopped: return "stopped";
    case State::Starting: return "starting";
    case State::Running: return "running";
    case State::Stopping: return "stopping";
    case State::Failed: return "failed";
    }
    return {};
}

}  // namespace holm::machine
