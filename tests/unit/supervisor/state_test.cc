#include "supervisor/state.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>

namespace holm::supervisor {
namespace {

using enum Action;

Facts guest()
{
    Facts facts;
    facts.init = "systemd";
    facts.boot = facts.terminal = facts.ready_by_notify = true;
    facts.stop_signal = SIGRTMIN + 3;
    return facts;
}

Facts command()
{
    return {};
}

// A machine that has come as far as the exec of its payload.
State started(const Facts& facts)
{
    State state;
    step(state, PlanReady{});
    step(state, FactsKnown{facts});
    step(state, LeaderKnown{4711});
    step(state, PayloadStarted{});
    return state;
}

State running(const Facts& facts)
{
    State state = started(facts);
    step(state, PayloadReady{});
    return state;
}

bool has(const std::vector<Action>& actions, Action action)
{
    return std::find(actions.begin(), actions.end(), action) != actions.end();
}

LeaderExited exits(int code)
{
    return {{false, code}};
}
LeaderExited dies(int signal)
{
    return {{true, signal}};
}

TEST(State, BootsOncePlanIsReady)
{
    State state;
    EXPECT_STREQ(describe_phase(state), "starting");
    EXPECT_EQ(step(state, PlanReady{}), (std::vector{Boot, ArmDeadline, Publish}));
    EXPECT_EQ(state.boots, 1u);
    EXPECT_TRUE(step(state, PlanReady{}).empty());
}

TEST(State, CommandIsReadyAtExec)
{
    State state = started(command());
    EXPECT_EQ(state.phase, Phase::Running);
    EXPECT_TRUE(state.ready);
}

TEST(State, GuestIsReadyWhenItSaysSo)
{
    State state = started(guest());
    EXPECT_EQ(state.phase, Phase::Started);
    EXPECT_STREQ(describe_phase(state), "started");
    EXPECT_EQ(step(state, PayloadReady{}), (std::vector{DisarmDeadline, Publish, TellReady}));
    EXPECT_EQ(state.phase, Phase::Running);
}

State held_at(std::string step_name, std::string why = "")
{
    State state;
    step(state, PlanReady{});
    step(state, FactsKnown{guest()});
    step(state, LeaderKnown{4711});
    EXPECT_EQ(step(state, HeldAt{std::move(step_name), std::move(why)}), (std::vector{DisarmDeadline, TellHeld, Publish}));
    return state;
}

TEST(State, AStartThatIsHeldHasNoDeadlineAndGoesOn)
{
    State state = held_at("network");
    EXPECT_STREQ(describe_phase(state), "starting");
    EXPECT_TRUE(allow_debug(state));
    EXPECT_TRUE(allow_held(state));
    EXPECT_FALSE(allow_exec(state));
    EXPECT_EQ(step(state, GoOnAsked{}), (std::vector{GoOn, ArmDeadline, Publish}));
    EXPECT_EQ(state.held, "");
    EXPECT_TRUE(step(state, GoOnAsked{}).empty());
    EXPECT_FALSE(allow_held(state));
    step(state, PayloadStarted{});
    EXPECT_EQ(state.phase, Phase::Started);
    EXPECT_TRUE(step(state, HeldAt{"init", ""}).empty()) << "too late";
}

TEST(State, AStartThatIsHeldIsAbortedOrFails)
{
    State state = held_at("root", "cannot mount");
    EXPECT_TRUE(has(step(state, TerminateAsked{}), KillPayload));
    EXPECT_TRUE(state.outcome.asked);
    EXPECT_EQ(state.held, "");
    State failing = held_at("root", "cannot mount");
    step(failing, GoOnAsked{});
    EXPECT_TRUE(has(step(failing, BootFailed{error(Errc::Failed, "cannot mount"), "root"}), KillPayload));
    EXPECT_EQ(failing.outcome.step, "root");
    State without_process;
    step(without_process, PlanReady{});
    step(without_process, HeldAt{"lock", "in use"});
    EXPECT_EQ(allow_debug(without_process).error().code, Errc::Busy);
}

// READY=1 comes by another socket than "started" and may overtake it.
TEST(State, ReadyMayComeBeforeStarted)
{
    State state;
    step(state, PlanReady{});
    step(state, FactsKnown{guest()});
    EXPECT_TRUE(step(state, PayloadReady{}).empty());
    auto actions = step(state, PayloadStarted{});
    EXPECT_EQ(actions.front(), TellStarted);
    EXPECT_TRUE(has(actions, TellReady));
    EXPECT_EQ(state.phase, Phase::Running);
}

TEST(State, CommandEndsWithItsOwnCode)
{
    State state = running(command());
    EXPECT_TRUE(has(step(state, exits(3)), KillPayload));
    EXPECT_EQ(state.leader, 0);
    EXPECT_EQ(step(state, PayloadGone{}), (std::vector{DisarmDeadline, End}));
    EXPECT_EQ(state.outcome.kind, OutcomeKind::Exited);
    EXPECT_EQ(exit_code(state.outcome), 3);
}

TEST(State, GuestRebootsAndBootsAgain)
{
    State state = running(guest());
    step(state, dies(SIGHUP));
    EXPECT_STREQ(describe_phase(state), "starting");
    EXPECT_EQ(step(state, PayloadGone{}), (std::vector{Boot, ArmDeadline, Publish}));
    EXPECT_EQ(state.boots, 2u);
    EXPECT_FALSE(state.ready);
    EXPECT_FALSE(state.said_ready);
}

TEST(State, GuestPowersOff)
{
    State state = running(guest());
    step(state, dies(SIGINT));
    EXPECT_STREQ(describe_phase(state), "stopping");
    step(state, PayloadGone{});
    EXPECT_EQ(state.outcome.kind, OutcomeKind::Poweroff);
    EXPECT_EQ(exit_code(state.outcome), 0);
}

// A command has no reboot(2) to be mistaken for.
TEST(State, CommandKilledByHangupIsNoReboot)
{
    State state = running(command());
    step(state, dies(SIGHUP));
    EXPECT_EQ(step(state, PayloadGone{}).back(), End);
    EXPECT_EQ(state.outcome, (Outcome{OutcomeKind::Signalled, SIGHUP, false, {}, "run"}));
    EXPECT_EQ(exit_code(state.outcome), 128 + SIGHUP);
}

TEST(State, ReplacedSignalIsToldAsItself)
{
    State state = running(command());
    step(state, SignalReplaced{SIGTERM});
    step(state, SignalReplaced{SIGHUP});
    step(state, dies(SIGKILL));
    EXPECT_EQ(state.outcome.status, SIGTERM);
}

TEST(State, WantOfMemoryIsSaid)
{
    State state = running(command());
    step(state, LeaderExited{{true, SIGKILL}, true});
    EXPECT_NE(why(state.outcome).find("memory"), std::string::npos);
}

TEST(State, OrderlyStopIsNoFailure)
{
    State state = running(command());
    EXPECT_EQ(step(state, StopAsked{}), (std::vector{TellStopping, SendStopSignal, ArmDeadline, Publish}));
    EXPECT_STREQ(describe_phase(state), "stopping");
    EXPECT_TRUE(step(state, StopAsked{}).empty());
    step(state, dies(SIGTERM));
    step(state, PayloadGone{});
    EXPECT_EQ(exit_code(state.outcome), 0);
    EXPECT_EQ(state.outcome.status, SIGTERM);
}

TEST(State, FrozenMachineIsThawedToStop)
{
    State state = running(guest());
    step(state, FrozenChanged{true});
    EXPECT_FALSE(allow_exec(state).has_value());
    auto actions = step(state, StopAsked{});
    EXPECT_LT(std::find(actions.begin(), actions.end(), SendStopSignal), std::find(actions.begin(), actions.end(), Thaw));
    EXPECT_TRUE(has(actions, Thaw));
}

TEST(State, StopDeadlineKills)
{
    State state = running(guest());
    step(state, StopAsked{});
    EXPECT_EQ(deadline(state), Microseconds(std::chrono::seconds(90)));
    EXPECT_TRUE(has(step(state, DeadlinePassed{}), KillPayload));
    step(state, dies(SIGKILL));
    step(state, PayloadGone{});
    EXPECT_EQ(state.outcome.kind, OutcomeKind::Killed);
    EXPECT_EQ(exit_code(state.outcome), 1);
    EXPECT_EQ(why(state.outcome), "the machine did not stop within 90s and was killed");
}

TEST(State, RebootOfGuestThatRebootsByItself)
{
    State state = running(guest());
    EXPECT_EQ(step(state, RebootAsked{}).front(), SendRebootSignal);
    EXPECT_EQ(reboot_signal(state.facts), SIGRTMIN + 5);
    EXPECT_STREQ(describe_phase(state), "running");
    EXPECT_FALSE(allow_reboot(state).has_value());
    step(state, dies(SIGHUP));
    EXPECT_EQ(step(state, PayloadGone{}).front(), Boot);
    EXPECT_EQ(state.intent, Intent::None);
}

TEST(State, RebootOfCommandIsStopAndStart)
{
    State state = running(command());
    EXPECT_EQ(step(state, RebootAsked{}).front(), SendStopSignal);
    step(state, dies(SIGTERM));
    EXPECT_EQ(step(state, PayloadGone{}).front(), Boot);
}

TEST(State, RebootDeadlineKillsAndBootsAgain)
{
    State state = running(guest());
    step(state, RebootAsked{});
    step(state, DeadlinePassed{});
    EXPECT_EQ(step(state, PayloadGone{}).front(), Boot);
}

TEST(State, StopOverridesReboot)
{
    State asked = running(guest());
    step(asked, RebootAsked{});
    EXPECT_TRUE(has(step(asked, StopAsked{}), SendStopSignal));
    step(asked, dies(SIGHUP));
    EXPECT_EQ(step(asked, PayloadGone{}).back(), End);

    State between = running(guest());
    step(between, dies(SIGHUP));
    EXPECT_EQ(step(between, StopAsked{}), (std::vector{Publish}));
    EXPECT_EQ(step(between, PayloadGone{}).back(), End);
    EXPECT_EQ(exit_code(between.outcome), 0);
}

TEST(State, TerminateKillsAtOnce)
{
    State state = running(guest());
    EXPECT_EQ(step(state, TerminateAsked{}).front(), KillPayload);
    step(state, dies(SIGKILL));
    EXPECT_EQ(step(state, PayloadGone{}).back(), End);
    EXPECT_EQ(state.outcome, (Outcome{OutcomeKind::Killed, SIGKILL, true, {}, "run"}));
}

TEST(State, StopBeforeTheStart)
{
    State waiting;
    EXPECT_EQ(step(waiting, StopAsked{}).back(), End);
    EXPECT_EQ(exit_code(waiting.outcome), 0);

    State booting;
    step(booting, PlanReady{});
    EXPECT_EQ(step(booting, StopAsked{}).front(), KillPayload);
    EXPECT_TRUE(step(booting, BootFailed{error(Errc::Failed, "broken off")}).empty());
    EXPECT_EQ(step(booting, PayloadGone{}).back(), End);
    EXPECT_EQ(exit_code(booting.outcome), 0);
}

TEST(State, BootFailureKeepsItsSentenceAndCode)
{
    State state;
    step(state, PlanReady{});
    step(state, BootFailed{error(Errc::NoCommand, "no '/usr/bin/app' in the machine")});
    step(state, dies(SIGKILL));
    step(state, PayloadGone{});
    EXPECT_EQ(state.outcome.kind, OutcomeKind::Failed);
    EXPECT_EQ(state.outcome.error->code, Errc::NoCommand);
    EXPECT_EQ(exit_code(state.outcome), 1);
}

TEST(State, StartDeadlineSaysWhatWasWaitedFor)
{
    State guest_state = started(guest());
    step(guest_state, DeadlinePassed{});
    EXPECT_EQ(why(guest_state.outcome), "the machine was not ready within 90s: no READY=1 from its init");

    State booting;
    step(booting, PlanReady{});
    EXPECT_EQ(deadline(booting), Microseconds(std::chrono::seconds(90)));
    step(booting, DeadlinePassed{});
    EXPECT_EQ(why(booting.outcome), "the machine was not started within 90s");
}

TEST(State, EndBeforeReadyIsFailure)
{
    State state = started(guest());
    step(state, exits(3));
    EXPECT_EQ(state.outcome.kind, OutcomeKind::Failed);
    EXPECT_EQ(why(state.outcome), "the machine ended before it was ready: exit status 3");
}

TEST(State, RebootBeforeReadyIsNone)
{
    State state = started(guest());
    step(state, dies(SIGHUP));
    EXPECT_EQ(step(state, PayloadGone{}).front(), Boot);
}

TEST(State, InfiniteTimeoutHasNoDeadline)
{
    Facts facts = guest();
    facts.start_timeout = Microseconds::max();
    EXPECT_EQ(deadline(started(facts)), std::nullopt);
}

TEST(State, WhatCannotBeKilledIsGivenUp)
{
    State state = running(guest());
    step(state, TerminateAsked{});
    EXPECT_EQ(step(state, DeadlinePassed{}).back(), End);
    EXPECT_EQ(state.outcome.kind, OutcomeKind::Failed);
}

TEST(State, RefusedPlanEndsTheService)
{
    State state;
    EXPECT_EQ(step(state, Refused{error(Errc::Failed, "no definition")}).back(), End);
    EXPECT_STREQ(describe_phase(state), "ended");
    EXPECT_EQ(exit_code(state.outcome), 1);
}

TEST(State, WhatIsAllowedWhen)
{
    State state;
    EXPECT_FALSE(allow_exec(state).has_value());
    EXPECT_FALSE(allow_reboot(state).has_value());
    state = started(guest());
    EXPECT_TRUE(allow_exec(state).has_value());
    EXPECT_TRUE(allow_reboot(state).has_value());
    step(state, StopAsked{});
    EXPECT_TRUE(allow_exec(state).has_value());
    EXPECT_FALSE(allow_reboot(state).has_value());
    step(state, dies(SIGINT));
    EXPECT_EQ(allow_exec(state).error().text, "the machine has ended");
}

// -- restarts and health ------------------------------------------------------------------------------------------------------------

constexpr auto second = std::chrono::seconds(1);

Facts restarting(Restart restart, unsigned limit = 3)
{
    Facts facts;
    facts.restart = restart;
    facts.restart_delay = second;
    facts.restart_limit = limit;
    return facts;
}

// The payload ends so, and all of it is gone.
std::vector<Action> end_with(State& state, const LeaderExited& exit, Microseconds now = {})
{
    step(state, exit, now);
    return step(state, PayloadGone{}, now);
}

TEST(Restarts, PolicyTellsWhichEndsAreFollowedByAStart)
{
    struct Case {
        Restart policy;
        LeaderExited exit;
        bool again;
    };
    for (const Case& one :
         {Case{Restart::No, exits(1), false}, Case{Restart::OnFailure, exits(0), false}, Case{Restart::OnFailure, exits(1), true},
          Case{Restart::OnFailure, dies(SIGSEGV), true}, Case{Restart::Always, exits(0), true}, Case{Restart::Always, exits(1), true}}) {
        State state = running(restarting(one.policy));
        std::vector<Action> actions = end_with(state, one.exit);
        EXPECT_EQ(state.phase, one.again ? Phase::Resting : Phase::Ended);
        EXPECT_EQ(has(actions, TellRest), one.again);
        EXPECT_EQ(has(actions, End), !one.again);
    }
    Facts guest_facts = guest();
    guest_facts.restart = Restart::OnFailure;
    State off = running(guest_facts);
    EXPECT_TRUE(has(end_with(off, dies(SIGINT)), End)) << "a power-off from inside is no failure";
}

TEST(Restarts, AnAdminsStopIsTheEnd)
{
    State state = running(restarting(Restart::Always));
    step(state, StopAsked{});
    EXPECT_TRUE(has(end_with(state, exits(0)), End));
    State killed = running(restarting(Restart::Always));
    step(killed, TerminateAsked{});
    EXPECT_TRUE(has(step(killed, PayloadGone{}), End));
    State resting = running(restarting(Restart::Always));
    end_with(resting, exits(1));
    EXPECT_STREQ(describe_phase(resting), "starting");
    EXPECT_TRUE(has(step(resting, StopAsked{}), End));
    EXPECT_TRUE(resting.outcome.asked);
    State draining = running(restarting(Restart::Always));
    step(draining, exits(1));
    step(draining, StopAsked{});
    EXPECT_TRUE(has(step(draining, PayloadGone{}), End));
}

TEST(Restarts, WhatWasNeverReadyHasFailed)
{
    Facts facts = guest();
    facts.restart = Restart::Always;
    State state = started(facts);
    EXPECT_TRUE(has(end_with(state, exits(1)), End));
    State booting;
    step(booting, PlanReady{});
    step(booting, FactsKnown{facts});
    step(booting, BootFailed{error(Errc::Failed, "no")});
    EXPECT_TRUE(has(step(booting, PayloadGone{}), End));
}

TEST(Restarts, DelaysDoubleUpToHalfAMinuteAndTheLimitIsInTenMinutes)
{
    State state = running(restarting(Restart::OnFailure, 8));
    std::vector<int64_t> delays;
    for (int i = 0; i < 8; ++i) {
        end_with(state, exits(1), i * second);
        ASSERT_EQ(state.phase, Phase::Resting) << i;
        delays.push_back(deadline(state)->count() / 1'000'000);
        EXPECT_TRUE(has(step(state, DeadlinePassed{}, i * second), Boot));
        step(state, PayloadStarted{}, i * second);
    }
    EXPECT_EQ(delays, (std::vector<int64_t>{1, 2, 4, 8, 16, 30, 30, 30}));
    EXPECT_TRUE(has(end_with(state, exits(7), 10 * second), End));
    EXPECT_EQ(state.outcome.kind, OutcomeKind::Failed);
    EXPECT_EQ(state.outcome.error->text,
              "the machine ended 9 times within 10min, more often than restart_limit allows; at last: exit status 7");
    EXPECT_EQ(state.outcome.step, "run") << "where the last boot has ended";

    State calm = running(restarting(Restart::OnFailure, 1));
    for (int i = 0; i < 3; ++i) {
        end_with(calm, exits(1), i * restart_window);
        ASSERT_EQ(calm.phase, Phase::Resting) << "the ones before are too long ago";
        EXPECT_EQ(deadline(calm), second);
        step(calm, DeadlinePassed{}, i * restart_window);
        step(calm, PayloadStarted{}, i * restart_window);
    }
}

TEST(Restarts, TheReasonIsKept)
{
    State state = running(restarting(Restart::Always));
    step(state, exits(3), 5 * second);
    EXPECT_EQ(state.restarted_after, "exit status 3") << "before all of it is gone";
    EXPECT_EQ(state.restart_count, 0u);
    step(state, PayloadGone{}, 5 * second);
    EXPECT_EQ(state.restart_count, 1u);
    EXPECT_EQ(state.next_boot, 6 * second);
    EXPECT_TRUE(has(step(state, BootAsked{}, 5 * second), Boot)) << "somebody does not want to wait";
    EXPECT_EQ(state.next_boot, Microseconds(0));
    EXPECT_EQ(state.restarted_after, "exit status 3");
    EXPECT_TRUE(step(state, BootAsked{}, 5 * second).empty());
    step(state, PayloadStarted{}, 5 * second);
    EXPECT_TRUE(step(state, BootAsked{}, 5 * second).empty());
    step(state, exits(137), 6 * second);
    step(state, PayloadGone{2}, 6 * second);
    EXPECT_EQ(state.restart_count, 2u);
    EXPECT_EQ(state.restarted_after, "exit status 137 (2 of its processes killed for want of memory)");

    State killed = running(restarting(Restart::OnFailure));
    step(killed, LeaderExited{{true, SIGKILL}, true});
    step(killed, PayloadGone{1});
    EXPECT_EQ(killed.restarted_after, "the machine ran out of memory and was killed by the kernel");
    State asked = running(guest());
    step(asked, dies(SIGHUP));
    EXPECT_EQ(asked.restarted_after, "") << "a reboot is no restart";
}

TEST(Health, ReadyChecksGateTheStart)
{
    Facts facts = command();
    facts.ready_check = Check{.command = {}, .port = 80, .what = "port 80 of the machine"};
    State state = started(facts);
    EXPECT_EQ(state.phase, Phase::Started);
    EXPECT_EQ(wanted_checks(state), Checking::Ready);
    State late = state;
    step(late, DeadlinePassed{});
    EXPECT_EQ(late.outcome.error->text, "the machine was not ready within 90s: port 80 of the machine does not pass");
    EXPECT_TRUE(step(state, PayloadReady{}).empty()) << "its init is up, and it waits for more";
    EXPECT_EQ(wanted_checks(state), Checking::Ready);
    EXPECT_TRUE(has(step(state, ReadyChecked{}), TellReady));
    EXPECT_EQ(wanted_checks(state), Checking::Nothing);
}

State checked(OnUnhealthy on_failure)
{
    Facts facts = command();
    facts.health = HealthFacts{.check = {.command = {"/bin/check"}, .port = 0, .what = "check"}, .on_failure = on_failure};
    return running(facts);
}

TEST(Health, IsToldAndActedUpon)
{
    State state = checked(OnUnhealthy::None);
    EXPECT_EQ(wanted_checks(state), Checking::Health);
    EXPECT_TRUE(has(step(state, HealthChanged{Health::Healthy, ""}), TellHealth));
    EXPECT_TRUE(step(state, HealthChanged{Health::Healthy, ""}).empty());
    step(state, HealthChanged{Health::Unhealthy, "no"});
    EXPECT_EQ(state.phase, Phase::Running);
    EXPECT_STREQ(describe_health(state), "unhealthy");

    State again = checked(OnUnhealthy::Restart);
    EXPECT_TRUE(has(step(again, HealthChanged{Health::Unhealthy, "no"}), SendStopSignal));
    EXPECT_STREQ(describe_phase(again), "running");
    EXPECT_TRUE(has(end_with(again, exits(0)), TellRest)) << "whatever `restart` says";
    EXPECT_EQ(again.outcome.error->text, "the machine is unhealthy: no");
    EXPECT_TRUE(has(step(again, DeadlinePassed{}), Boot));
    EXPECT_STREQ(describe_health(again), "");

    State never = checked(OnUnhealthy::Restart);
    never.facts.restart_limit = 1;
    never.restarts = {Microseconds(1)};
    step(never, HealthChanged{Health::Unhealthy, "no"});
    EXPECT_TRUE(has(end_with(never, exits(0)), End));
    EXPECT_EQ(never.outcome.step, "run");

    State over = checked(OnUnhealthy::Stop);
    step(over, HealthChanged{Health::Unhealthy, "no"});
    EXPECT_STREQ(describe_phase(over), "stopping");
    EXPECT_TRUE(has(end_with(over, exits(0)), End));
    EXPECT_EQ(over.outcome.kind, OutcomeKind::Failed);
    EXPECT_EQ(over.outcome.error->text, "the machine is unhealthy: no");

    State stopped = checked(OnUnhealthy::Restart);
    step(stopped, HealthChanged{Health::Unhealthy, "no"});
    step(stopped, StopAsked{});
    EXPECT_TRUE(has(end_with(stopped, exits(0)), End)) << "an admin's stop comes first";
    EXPECT_TRUE(stopped.outcome.asked);
}

}  // namespace
}  // namespace holm::supervisor
