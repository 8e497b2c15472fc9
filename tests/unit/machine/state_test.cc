// Every pair of stage and event, by both forms of a unit, against one table; then whole lives.
#include "machine/state.h"

#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "state_table.h"

namespace holm::machine {
namespace {

constexpr std::string_view stage_names[] = {"Stopped", "Failed", "Asked", "Planning", "Entering", "Booting", "Running", "Stopping"};
constexpr std::string_view event_names[] = {"StartRequested", "PrepareRequested",   "Planned",         "PlanFailed", "UnitStarted",
                                            "UnitFailed",     "SupervisorStarting", "Started",         "Ready",      "Stopping",
                                            "Ended",          "SupervisorLost",     "FoundDead",       "Frozen",     "Thawed",
                                            "StopRequested",  "TerminateRequested", "RemoveRequested", "Timeout",    "RestartFailed"};
constexpr std::string_view action_names[] = {
    "Plan",        "CancelPlan",    "AnswerPrepare", "RefusePrepare", "SpawnSupervisor", "StartScope",  "Go",           "StartService",
    "StopUnit",    "Terminate",     "Register",      "Unregister",    "EmitNew",         "EmitRemoved", "PublishState", "StartDone",
    "StartFailed", "StartCanceled", "StopDone",      "RefuseBusy",    "Release",         "RemoveRecord"};

Life follow(Life life, std::initializer_list<Event> events)
{
    for (const Event& event : events) life = step(life, event).next;
    return life;
}

Event start_of(UnitForm form, Record record = Record::Kept)
{
    return {.kind = EventKind::StartRequested, .unit = form, .record = record};
}

// A machine that came to the stage by the ordinary way, the start job still waiting where it would.
Life life_at(Stage stage, UnitForm form)
{
    const Event planned{.kind = EventKind::Planned}, started{.kind = EventKind::Started}, ready{.kind = EventKind::Ready};
    const Event asked = start_of(form), prepare{.kind = EventKind::PrepareRequested}, entered{.kind = EventKind::UnitStarted};
    const bool scope = form == UnitForm::Scope;
    const Life planning = scope ? follow({}, {asked}) : follow({}, {asked, prepare});
    const Life booting = scope ? follow(planning, {planned, entered}) : follow(planning, {planned});
    switch (stage) {
    case Stage::Stopped: return {.unit = form};
    case Stage::Failed: return follow(planning, {{.kind = EventKind::PlanFailed, .why = "no root"}});
    case Stage::Asked: return follow({}, {start_of(UnitForm::Service)});
    case Stage::Planning: return planning;
    case Stage::Entering: return follow(follow({}, {start_of(UnitForm::Scope)}), {planned});
    case Stage::Booting: return booting;
    case Stage::Running: return follow(booting, {started, ready});
    case Stage::Stopping: return follow(booting, {started, ready, {.kind = EventKind::StopRequested}});
    }
    return {};
}

std::string describe(const Step& step)
{
    std::string text(stage_names[static_cast<size_t>(step.next.stage)]);
    for (Action action : step.actions) text += fmt::format(" {}", action_names[static_cast<size_t>(action)]);
    return text;
}

// "FORM STAGE EVENT" → "STAGE ACTION…"
std::map<std::string, std::string> expected_table()
{
    std::map<std::string, std::string> table;
    std::string form, stage;
    for (std::string_view line : split(state_table, '\n')) {
        line = trim(line);
        if (line.empty()) continue;
        if (line.ends_with(':')) {
            auto words = split(line.substr(0, line.size() - 1), ' ');
            form = words[0], stage = words[1];
            continue;
        }
        size_t arrow = line.find("→");
        table[fmt::format("{} {} {}", form, stage, trim(line.substr(0, arrow)))] = trim(line.substr(arrow + std::string_view("→").size()));
    }
    return table;
}

TEST(State, EveryPairIsInTheTable)
{
    auto table = expected_table();
    for (UnitForm form : {UnitForm::Scope, UnitForm::Service}) {
        for (size_t stage = 0; stage < std::size(stage_names); ++stage) {
            const auto at = static_cast<Stage>(stage);
            if ((at == Stage::Asked && form == UnitForm::Scope) || (at == Stage::Entering && form == UnitForm::Service)) continue;
            const Life life = life_at(at, form);
            ASSERT_EQ(life.stage, at);
            for (size_t kind = 0; kind < std::size(event_names); ++kind) {
                const Event event{.kind = static_cast<EventKind>(kind), .unit = form, .record = Record::Kept, .why = "because"};
                const Step made = step(life, event);
                const auto name =
                    fmt::format("{} {} {}", form == UnitForm::Scope ? "scope" : "service", stage_names[stage], event_names[kind]);
                auto row = table.find(name);
                const std::string expected = row == table.end() ? std::string(stage_names[stage]) : row->second;
                EXPECT_EQ(describe(made), expected) << name;
                if (row == table.end() && made.actions.empty()) {
                    EXPECT_EQ(made.next, life) << name;
                }
                if (row != table.end()) table.erase(row);
            }
        }
    }
    for (const auto& [name, expected] : table) ADD_FAILURE() << "a row of no pair: " << name;
}

// The actions of a chain of events, as text.
std::string actions_of(Life life, std::initializer_list<Event> events)
{
    std::string text;
    for (const Event& event : events) {
        Step made = step(life, event);
        for (Action action : made.actions) text += fmt::format("{}{}", text.empty() ? "" : " ", action_names[static_cast<size_t>(action)]);
        life = std::move(made.next);
    }
    return text;
}

const Event planned{.kind = EventKind::Planned}, entered{.kind = EventKind::UnitStarted}, started{.kind = EventKind::Started};
const Event ready{.kind = EventKind::Ready}, stop{.kind = EventKind::StopRequested}, stopping{.kind = EventKind::Stopping};

Event ended(EndResult result, int status = 0, std::string why = "")
{
    return {.kind = EventKind::Ended, .result = result, .status = status, .why = std::move(why)};
}
Event ended_as_asked(EndResult result, int status = 0)
{
    return {.kind = EventKind::Ended, .result = result, .status = status, .asked = true};
}

TEST(State, AScopesWholeLife)
{
    EXPECT_EQ(actions_of({}, {start_of(UnitForm::Scope), planned, entered, started, ready, stop, stopping, ended(EndResult::Poweroff)}),
              "Plan PublishState SpawnSupervisor StartScope Go Register EmitNew PublishState PublishState StartDone StopUnit PublishState "
              "Unregister EmitRemoved Release PublishState StopDone");
}

TEST(State, ARebootKeepsTheUnitAndRegistersTheNewLeader)
{
    const Life running = life_at(Stage::Running, UnitForm::Service);
    const Event booting{.kind = EventKind::SupervisorStarting}, again{.kind = EventKind::Started, .boots = 2};
    EXPECT_EQ(actions_of(running, {booting, again, ready}), "PublishState Unregister Register PublishState PublishState");
    const Life after = follow(running, {booting, again, ready});
    EXPECT_EQ(after.stage, Stage::Running);
    EXPECT_EQ(after.boots, 2u);
    EXPECT_EQ(actions_of(running, {again}), "Unregister Register PublishState");  // the state between was missed
    EXPECT_EQ(actions_of(running, {started, ready}), "");
}

TEST(State, EndsByResult)
{
    const Life running = life_at(Stage::Running, UnitForm::Scope), halting = life_at(Stage::Stopping, UnitForm::Scope);
    auto after = [](const Life& life, const Event& event) { return step(life, event).next.stage; };
    EXPECT_EQ(after(running, ended(EndResult::Exited, 0)), Stage::Stopped);
    EXPECT_EQ(after(running, ended(EndResult::Exited, 1)), Stage::Failed);
    EXPECT_EQ(after(running, ended(EndResult::Signalled, 11)), Stage::Failed);
    EXPECT_EQ(after(running, ended(EndResult::Poweroff)), Stage::Stopped);
    EXPECT_EQ(after(running, ended(EndResult::Failed, 0, "no init")), Stage::Failed);
    EXPECT_EQ(after(halting, ended_as_asked(EndResult::Exited, 143)), Stage::Stopped);
    EXPECT_EQ(after(halting, ended_as_asked(EndResult::Signalled, 15)), Stage::Stopped);
    // The way to any end leads by Stopping: that alone is nobody's wish.
    EXPECT_EQ(after(halting, ended(EndResult::Exited, 3)), Stage::Failed);
    EXPECT_EQ(after(halting, ended(EndResult::Signalled, 9, "out of memory")), Stage::Failed);
    EXPECT_EQ(after(halting, ended(EndResult::Killed)), Stage::Failed);  // the deadline passed
    const Life terminated = follow(running, {{.kind = EventKind::TerminateRequested}});
    EXPECT_EQ(after(terminated, ended(EndResult::Killed)), Stage::Stopped);
    EXPECT_EQ(step(running, ended(EndResult::Failed, 0, "no init")).next.why, "no init");
}

TEST(State, AStartThatFailsSaysWhyAndAnswersOnce)
{
    const Life planning = life_at(Stage::Planning, UnitForm::Service);
    const Event failed{.kind = EventKind::PlanFailed, .why = "no root"}, gone{.kind = EventKind::UnitFailed, .why = "exit 1"};
    const Life after = follow(planning, {failed, gone});
    EXPECT_EQ(after.why, "no root");
    EXPECT_FALSE(after.start_job);
    EXPECT_EQ(actions_of(planning, {failed, gone}), "RefusePrepare Release PublishState StartFailed");
    const Life booting = life_at(Stage::Booting, UnitForm::Scope);
    const Life late = follow(booting, {{.kind = EventKind::Timeout, .why = "not ready in 90s"}, stopping, ended(EndResult::Poweroff)});
    EXPECT_EQ(late.stage, Stage::Failed);
    EXPECT_EQ(late.why, "not ready in 90s");
}

TEST(State, AStartThatIsCanceledHasNotFailed)
{
    const Event canceled{.kind = EventKind::UnitFailed, .asked = true, .why = "canceled"};
    for (Stage stage : {Stage::Asked, Stage::Planning, Stage::Booting}) {
        const Life after = follow(life_at(stage, UnitForm::Service), {canceled});
        EXPECT_EQ(after.stage, Stage::Stopped);
        EXPECT_EQ(after.why, "");
        EXPECT_NE(actions_of(life_at(stage, UnitForm::Service), {canceled}).find("StartCanceled"), std::string::npos);
    }
}

TEST(State, RecordsLiveAsLongAsTheyShould)
{
    auto removed = [](Record record, std::initializer_list<Event> events) {
        return actions_of(follow({}, {start_of(UnitForm::Scope, record)}), events).find("RemoveRecord") != std::string::npos;
    };
    const Event failed{.kind = EventKind::PlanFailed};
    EXPECT_TRUE(removed(Record::Fresh, {failed}));
    EXPECT_TRUE(removed(Record::Temporary, {failed}));
    EXPECT_FALSE(removed(Record::Kept, {failed}));
    EXPECT_FALSE(removed(Record::None, {failed}));
    EXPECT_TRUE(removed(Record::Fresh, {planned, entered, ended(EndResult::Failed)}));
    EXPECT_FALSE(removed(Record::Fresh, {planned, entered, started, ready, ended(EndResult::Exited)}));
    EXPECT_FALSE(removed(Record::Fresh, {planned, entered, ended(EndResult::Exited)}));  // it ran; "started" was missed
    EXPECT_TRUE(removed(Record::Temporary, {planned, entered, started, ready, ended(EndResult::Exited)}));
}

TEST(State, AfterARestartOfHolmdTheSupervisorTells)
{
    const Event running{.kind = EventKind::Ready, .unit = UnitForm::Service, .record = Record::None, .boots = 3};
    const Life found = step({}, running).next;
    EXPECT_EQ(found.stage, Stage::Running);
    EXPECT_EQ(found.unit, UnitForm::Service);
    EXPECT_EQ(found.boots, 3u);
    EXPECT_EQ(actions_of({}, {running, stop, ended(EndResult::Poweroff)}),
              "Register EmitNew PublishState StopUnit PublishState Unregister EmitRemoved Release PublishState StopDone");
    const Event dead{.kind = EventKind::FoundDead, .record = Record::Temporary, .result = EndResult::Failed, .why = "gone"};
    EXPECT_EQ(step({}, dead).next.stage, Stage::Failed);
    EXPECT_EQ(actions_of({}, {dead}), "Release RemoveRecord PublishState");
}

TEST(State, ANewStartForgetsTheLifeBefore)
{
    Life life = life_at(Stage::Running, UnitForm::Scope);
    life = follow(life, {ended(EndResult::Failed, 0, "broken"), start_of(UnitForm::Scope)});
    Life fresh = follow({}, {start_of(UnitForm::Scope)});
    EXPECT_EQ(life, fresh);
}

// Whatever comes: a job is answered once, what was announced is taken back, an end releases.
TEST(State, HoldsItsPromisesOnRandomWalks)
{
    unsigned seed = 1;
    auto draw = [&](unsigned below) { return (seed = seed * 1103515245u + 12345u) / 65536u % below; };
    for (int walk = 0; walk < 3000; ++walk) {
        Life life;
        int starts = 0, announced = 0, registered = 0;
        for (int i = 0; i < 30; ++i) {
            const Event event{.kind = static_cast<EventKind>(draw(static_cast<unsigned>(std::size(event_names)))),
                              .unit = draw(2) ? UnitForm::Scope : UnitForm::Service,
                              .boots = draw(3),
                              .result = static_cast<EndResult>(draw(5)),
                              .why = draw(2) ? "because" : ""};
            Step made = step(life, event);
            if (event.kind == EventKind::StartRequested && !is_active(life)) ++starts;
            for (Action action : made.actions) {
                if (action == Action::StartDone || action == Action::StartFailed || action == Action::StartCanceled) --starts;
                if (action == Action::EmitNew) ++announced;
                if (action == Action::EmitRemoved) --announced;
                if (action == Action::Register) ++registered;
                if (action == Action::Unregister) --registered;
            }
            life = std::move(made.next);
            ASSERT_EQ(starts, life.start_job ? 1 : 0);
            ASSERT_EQ(announced, life.announced ? 1 : 0);
            ASSERT_EQ(registered, life.registered ? 1 : 0);
            if (!is_active(life)) {
                ASSERT_FALSE(life.start_job || life.stop_job || life.started || life.frozen || life.announced);
            }
        }
    }
}

TEST(State, Words)
{
    EXPECT_EQ(describe_state(state_of(Stage::Asked)), "starting");
    EXPECT_EQ(describe_state(state_of(Stage::Booting)), "starting");
    EXPECT_EQ(describe_state(state_of(Life{})), "stopped");
    EXPECT_EQ(describe_state(State::Failed), "failed");
}

}  // namespace
}  // namespace holm::machine
