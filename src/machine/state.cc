#include "machine/state.h"

#include <initializer_list>
#include <utility>

namespace holm::machine {

namespace {

// One step being made: the life as it becomes, and what is to be done.
class Transition {
public:
    explicit Transition(const Life& life) : life_(life) {}
    Step result() && { return {std::move(life_), std::move(actions_)}; }

    void start_requested(const Event& event);
    void prepare_requested();
    void planned();
    void plan_failed(const std::string& why);
    void unit_started();
    void unit_failed(const Event& event);
    void supervisor_starting(const Event& event);
    void started(const Event& event);
    void ready(const Event& event);
    void stopping(const Event& event);
    void ended(const Event& event);
    void supervisor_lost(const Event& event);
    void found_dead(const Event& event);
    void freeze(bool frozen);
    void stop_requested();
    void terminate_requested();
    void remove_requested();
    void timeout(const std::string& why);
    void restart_failed(const std::string& why);

private:
    bool idle() const { return !is_active(life_); }
    // No supervisor of this life can have spoken yet: what one says is of the life before.
    bool is_planning() const { return life_.stage == Stage::Asked || life_.stage == Stage::Planning; }
    // The same, of a payload: a scope's supervisor waits for "go".
    bool is_waiting() const { return is_planning() || life_.stage == Stage::Entering; }
    void act(std::initializer_list<Action> actions) { actions_.insert(actions_.end(), actions); }
    void go_to(Stage stage)
    {
        life_.stage = stage;
        publish();
    }
    void publish()
    {
        if (actions_.empty() || actions_.back() != Action::PublishState) act({Action::PublishState});
    }
    void adopt(const Event& event);
    void begin(UnitForm unit, Record record);
    void announce();
    void cancel_start();
    void cancel_plan();
    void begin_stop();
    void lost(const std::string& why, bool unwanted = false);
    void end(Stage stage, const std::string& why);

    Life life_;
    std::vector<Action> actions_;
};

// A fresh life: nothing of the one before is left.
void Transition::begin(UnitForm unit, Record record)
{
    life_ = Life{.unit = unit, .record = record};
}

// A supervisor that we did not start, or not in this life of holmd, tells where it is.
void Transition::adopt(const Event& event)
{
    if (idle()) begin(event.unit, event.record);
}

// The payload of this boot has been exec'ed. machined keeps a dead leader for ever: a later boot is registered anew.
void Transition::announce()
{
    life_.started = true;
    if (life_.record == Record::Fresh) life_.record = Record::Kept;
    if (life_.registered) act({Action::Unregister});
    act({Action::Register});
    life_.registered = true;
    if (!std::exchange(life_.announced, true)) act({Action::EmitNew});
}

void Transition::cancel_start()
{
    if (std::exchange(life_.start_job, false)) act({Action::StartCanceled});
}

// The planner child is stopped; who asked for the plan of a service is told.
void Transition::cancel_plan()
{
    act({Action::CancelPlan});
    if (life_.unit == UnitForm::Service) act({Action::RefusePrepare});
}

// All that an end needs, whatever came before it: jobs answered, signals sent, what was claimed released.
void Transition::end(Stage stage, const std::string& why)
{
    if (life_.why.empty()) life_.why = why;
    if (stage == Stage::Stopped) life_.why.clear();
    life_.stage = stage;
    if (std::exchange(life_.registered, false)) act({Action::Unregister});
    if (std::exchange(life_.announced, false)) act({Action::EmitRemoved});
    act({Action::Release});
    if (life_.record == Record::Temporary || life_.record == Record::Fresh) act({Action::RemoveRecord});
    publish();
    if (std::exchange(life_.start_job, false)) act({stage == Stage::Stopped ? Action::StartCanceled : Action::StartFailed});
    if (std::exchange(life_.stop_job, false)) act({Action::StopDone});
    life_.started = life_.frozen = life_.stop_asked = life_.terminating = false;
}

// The unit is gone and nobody said why. What somebody has asked to end is not failed by that.
void Transition::lost(const std::string& why, bool unwanted)
{
    const bool asked = unwanted || life_.terminating || (life_.stop_asked && !life_.started);
    end(asked && life_.why.empty() ? Stage::Stopped : Stage::Failed, why);
}

void Transition::start_requested(const Event& event)
{
    if (!idle()) return act({Action::RefuseBusy});
    begin(event.unit, event.record);
    life_.start_job = true;
    if (event.unit == UnitForm::Scope) {
        act({Action::Plan});
        go_to(Stage::Planning);
    } else {
        act({Action::StartService});
        go_to(Stage::Asked);
    }
}

// systemd has started the unit, whoever asked it to; it does so only when the unit's last life is over.
void Transition::prepare_requested()
{
    if (!idle() && life_.unit == UnitForm::Scope) return act({Action::RefusePrepare});
    switch (life_.stage) {
    case Stage::Asked: act({Action::Plan}); return go_to(Stage::Planning);
    case Stage::Planning: return act({Action::CancelPlan, Action::Plan});
    case Stage::Entering:
    case Stage::Booting:
    case Stage::Running:
    case Stage::Stopping: lost("its unit was started again"); break;
    case Stage::Stopped:
    case Stage::Failed: break;
    }
    begin(UnitForm::Service, Record::None);
    act({Action::Plan});
    go_to(Stage::Planning);
}

void Transition::planned()
{
    switch (life_.stage) {
    case Stage::Planning:
        if (life_.unit == UnitForm::Scope) {
            act({Action::SpawnSupervisor, Action::StartScope});
            life_.stage = Stage::Entering;
        } else {
            act({Action::AnswerPrepare});
            life_.stage = Stage::Booting;
        }
        return;
    case Stage::Stopped:
    case Stage::Failed: return act({Action::Release});
    case Stage::Asked:
    case Stage::Entering:
    case Stage::Booting:
    case Stage::Running:
    case Stage::Stopping: return;
    }
}

void Transition::plan_failed(const std::string& why)
{
    if (life_.stage != Stage::Planning) return;
    life_.why = why;
    if (life_.unit == UnitForm::Service) act({Action::RefusePrepare});
    end(Stage::Failed, why);
}

void Transition::unit_started()
{
    if (life_.stage != Stage::Entering) return;
    act({Action::Go});
    life_.stage = Stage::Booting;
}

void Transition::unit_failed(const Event& event)
{
    const Stage end_stage = event.asked ? Stage::Stopped : Stage::Failed;
    switch (life_.stage) {
    case Stage::Stopped:
    case Stage::Failed: return;
    case Stage::Planning:
        if (life_.why.empty()) life_.why = event.why;
        cancel_plan();
        return end(end_stage, event.why);
    case Stage::Entering:
        act({Action::Terminate});  // the supervisor is still blocked
        return end(end_stage, event.why);
    case Stage::Asked:
    case Stage::Booting:
    case Stage::Running:
    case Stage::Stopping: return lost(event.why, event.asked);
    }
}

// Before "go" a scope's supervisor says this too: Entering stays.
void Transition::supervisor_starting(const Event& event)
{
    switch (life_.stage) {
    case Stage::Stopped:
    case Stage::Failed: adopt(event); return go_to(Stage::Booting);
    case Stage::Running:  // a reboot
    case Stage::Booting:
        if (!std::exchange(life_.started, false)) return;
        return go_to(Stage::Booting);
    case Stage::Asked:
    case Stage::Planning:
    case Stage::Entering:
    case Stage::Stopping: return;
    }
}

void Transition::started(const Event& event)
{
    if (is_waiting()) return;
    adopt(event);
    if (life_.started && event.boots <= life_.boots) return;
    life_.boots = event.boots;
    announce();
    go_to(life_.stage == Stage::Stopping ? Stage::Stopping : Stage::Booting);
}

void Transition::ready(const Event& event)
{
    if (life_.stage == Stage::Running || life_.stage == Stage::Stopping || is_waiting()) return;
    if (!life_.started) started(event);
    go_to(Stage::Running);
    if (std::exchange(life_.start_job, false)) act({Action::StartDone});
}

void Transition::stopping(const Event& event)
{
    if (life_.stage == Stage::Stopping || is_planning()) return;
    adopt(event);
    go_to(Stage::Stopping);
}

// An end that was asked for is a good one, unless the payload had to be killed at a deadline.
void Transition::ended(const Event& event)
{
    if (idle() || is_planning()) return;
    if (life_.record == Record::Fresh && event.result != EndResult::Failed) life_.record = Record::Kept;
    const bool good = (is_good(event) || life_.terminating) && life_.why.empty();
    end(good ? Stage::Stopped : Stage::Failed, event.why);
}

void Transition::supervisor_lost(const Event& event)
{
    if (idle() || is_planning()) return;
    if (life_.unit == UnitForm::Scope) act({Action::Terminate});  // of a service systemd kills what is left itself
    lost(event.why.empty() ? "its supervisor ended unexpectedly" : event.why);
}

void Transition::found_dead(const Event& event)
{
    if (life_.stage != Stage::Stopped) return;
    begin(event.unit, event.record);
    end(is_good(event) ? Stage::Stopped : Stage::Failed, event.why);
}

void Transition::freeze(bool frozen)
{
    if (idle() || is_waiting()) return;
    if (std::exchange(life_.frozen, frozen) != frozen) publish();
}

void Transition::begin_stop()
{
    cancel_start();
    life_.stop_job = life_.stop_asked = true;
}

void Transition::stop_requested()
{
    if (idle()) return act({Action::StopDone});
    const bool again = life_.stop_asked;
    begin_stop();
    switch (life_.stage) {
    case Stage::Planning:
        cancel_plan();
        if (life_.unit == UnitForm::Scope) return end(Stage::Stopped, "");
        break;
    case Stage::Entering:
        life_.terminating = true;
        act({Action::Terminate});
        return go_to(Stage::Stopping);
    case Stage::Stopping:
        if (!again) act({Action::StopUnit});
        return;
    case Stage::Asked:
    case Stage::Booting:
    case Stage::Running:
    case Stage::Stopped:
    case Stage::Failed: break;
    }
    act({Action::StopUnit});
    go_to(Stage::Stopping);
}

void Transition::terminate_requested()
{
    if (idle()) return act({Action::StopDone});
    begin_stop();
    life_.terminating = true;
    if (life_.stage == Stage::Planning) {
        cancel_plan();
        if (life_.unit == UnitForm::Scope) return end(Stage::Stopped, "");
    }
    act({Action::Terminate});
    if (life_.stage != Stage::Stopping) go_to(Stage::Stopping);
}

void Transition::remove_requested()
{
    if (idle()) act({Action::Release, Action::RemoveRecord});
    else act({Action::RefuseBusy});
}

void Transition::timeout(const std::string& why)
{
    switch (life_.stage) {
    case Stage::Stopped:
    case Stage::Failed:
    case Stage::Running: return;
    case Stage::Planning:
        life_.why = why;
        cancel_plan();
        return end(Stage::Failed, why);
    case Stage::Entering: return unit_failed({.kind = EventKind::UnitFailed, .why = why});
    case Stage::Asked:
        life_.why = why;
        act({Action::StopUnit});
        return go_to(Stage::Stopping);
    case Stage::Booting:
        life_.why = why;
        act({Action::Terminate});
        return go_to(Stage::Stopping);
    case Stage::Stopping: return act({Action::Terminate});
    }
}

// The life before has ended as it should, and nothing of it is left. One that failed has a reason already.
void Transition::restart_failed(const std::string& why)
{
    if (life_.stage != Stage::Stopped) return;
    begin(UnitForm::Service, Record::None);
    life_.why = why;
    go_to(Stage::Failed);
}

}  // namespace

Step step(const Life& life, const Event& event)
{
    Transition transition(life);
    switch (event.kind) {
    case EventKind::StartRequested: transition.start_requested(event); break;
    case EventKind::PrepareRequested: transition.prepare_requested(); break;
    case EventKind::Planned: transition.planned(); break;
    case EventKind::PlanFailed: transition.plan_failed(event.why); break;
    case EventKind::UnitStarted: transition.unit_started(); break;
    case EventKind::UnitFailed: transition.unit_failed(event); break;
    case EventKind::SupervisorStarting: transition.supervisor_starting(event); break;
    case EventKind::Started: transition.started(event); break;
    case EventKind::Ready: transition.ready(event); break;
    case EventKind::Stopping: transition.stopping(event); break;
    case EventKind::Ended: transition.ended(event); break;
    case EventKind::SupervisorLost: transition.supervisor_lost(event); break;
    case EventKind::FoundDead: transition.found_dead(event); break;
    case EventKind::Frozen: transition.freeze(true); break;
    case EventKind::Thawed: transition.freeze(false); break;
    case EventKind::StopRequested: transition.stop_requested(); break;
    case EventKind::TerminateRequested: transition.terminate_requested(); break;
    case EventKind::RemoveRequested: transition.remove_requested(); break;
    case EventKind::Timeout: transition.timeout(event.why); break;
    case EventKind::RestartFailed: transition.restart_failed(event.why); break;
    }
    return std::move(transition).result();
}

}  // namespace holm::machine
