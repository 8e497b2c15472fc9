// Jobs, limits and replies: what holmd does with systemd's answers, and with callers that want too much.
#include <algorithm>

#include "api/limits.h"
#include "harness.h"

namespace holm::test {
namespace {

class JobsTest : public BusTest {
protected:
    JobsTest() { define("holm-bus-web", "[root]\npath = \"/srv/x\"\n"); }
    std::string state()
    {
        Answer answer = wait_for(
            send(root, "/org/holm1/machine/holm_2dbus_2dweb", "org.freedesktop.DBus.Properties", "Get", api::machine_interface, "State"));
        return answer.ok() ? std::get<std::string>(answer.read<systemd::Variant>()) : answer.text;
    }
    bool has_signal(const std::string& beginning) const
    {
        return std::ranges::any_of(signals, [&](const std::string& signal) { return signal.starts_with(beginning); });
    }
};

TEST_F(JobsTest, AStartIsAskedOfSystemdAndItsFailureIsTold)
{
    Answer started = call(root, "StartMachine", "holm-bus-web");
    ASSERT_TRUE(started.ok()) << started.text;
    EXPECT_EQ(started.read<systemd::ObjectPath>().text, "/org/holm1/job/1");
    ASSERT_TRUE(run_until([&] { return heard("StartUnit holm@holm-bus-web.service"); }));
    EXPECT_EQ(state(), "starting");
    EXPECT_TRUE(has_signal("JobNew"));
    run_a_while();
    end_job("holm@holm-bus-web.service", "failed");
    ASSERT_TRUE(run_until([&] { return has_signal("JobRemoved holm-bus-web failed unit 'holm@holm-bus-web.service'"); }));
    EXPECT_EQ(state(), "failed");
}

// Also of a job that is done and has brought up nothing, as systemd has it of a unit whose Condition does not hold.
TEST_F(JobsTest, EachEndOfSystemdsJobEndsTheStart)
{
    struct Case {
        const char *result, *told, *state;
    };
    for (const Case& one :
         {Case{"done", "failed", "failed"}, Case{"skipped", "failed", "failed"}, Case{"dependency", "failed", "failed"},
          Case{"timeout", "failed", "failed"}, Case{"assert", "failed", "failed"}, Case{"canceled", "canceled", "stopped"}}) {
        calls.clear();
        signals.clear();
        ASSERT_TRUE(call(root, "StartMachine", "holm-bus-web").ok()) << one.result;
        ASSERT_TRUE(run_until([&] { return heard("StartUnit holm@holm-bus-web.service"); })) << one.result;
        run_a_while();
        end_job("holm@holm-bus-web.service", one.result);
        EXPECT_TRUE(run_until([&] { return has_signal(fmt::format("JobRemoved holm-bus-web {}", one.told)); })) << one.result;
        EXPECT_EQ(state(), one.state) << one.result;
    }
}

TEST_F(JobsTest, AStartThatIsAskedTwiceIsOneJob)
{
    Answer first = call(root, "StartMachine", "holm-bus-web"), second = call(root, "StartMachine", "holm-bus-web");
    ASSERT_TRUE(first.ok() && second.ok());
    EXPECT_EQ(first.read<systemd::ObjectPath>(), second.read<systemd::ObjectPath>());
}

TEST_F(JobsTest, RequestsThatSystemdMergesIntoOneJobAreAllTold)
{
    const std::string unit = "holm@holm-bus-web.service";
    std::vector<std::string> told;
    auto note = [&](const char* who) { return [&told, who](const Result<>& done) { told.emplace_back(done ? who : done.error().text); }; };
    auto forgotten = holmd->units.run_job(systemd::UnitVerb::Start, unit, note("forgotten"));
    auto started = holmd->units.run_job(systemd::UnitVerb::Restart, unit, note("first"));
    auto restarted = holmd->units.run_job(systemd::UnitVerb::Restart, unit, note("second"));
    run_a_while();
    forgotten.reset();
    end_job(unit, "done");
    EXPECT_TRUE(run_until([&] { return told.size() == 2; }));
    EXPECT_EQ(told, (std::vector<std::string>{"first", "second"}));
}

TEST_F(JobsTest, AStopCancelsAStart)
{
    ASSERT_TRUE(call(root, "StartMachine", "holm-bus-web").ok());
    ASSERT_TRUE(call(root, "StopMachine", "holm-bus-web").ok());
    ASSERT_TRUE(run_until([&] { return heard("StopUnit holm@holm-bus-web.service"); }));
    EXPECT_TRUE(has_signal("JobRemoved holm-bus-web canceled"));
    run_a_while();
    end_job("holm@holm-bus-web.service", "done");
    ASSERT_TRUE(run_until([&] { return has_signal("JobRemoved holm-bus-web done"); }));
    EXPECT_EQ(state(), "stopped");
}

TEST_F(JobsTest, AStopOfWhatIsStoppedIsDone)
{
    ASSERT_TRUE(call(root, "StopMachine", "holm-bus-web").ok());
    ASSERT_TRUE(run_until([&] { return has_signal("JobRemoved holm-bus-web done"); }));
    EXPECT_FALSE(heard("StopUnit holm@holm-bus-web.service"));
}

TEST_F(JobsTest, EnableIsFilesAndReload)
{
    Answer enabled = call(root, "EnableMachine", "holm-bus-web", false);
    ASSERT_TRUE(enabled.ok()) << enabled.text;
    EXPECT_EQ(enabled.read<systemd::ObjectPath>().text, "/");
    EXPECT_TRUE(heard("EnableUnitFiles holm@holm-bus-web.service"));
    EXPECT_TRUE(heard("Reload"));
    EXPECT_FALSE(heard("StartUnit holm@holm-bus-web.service"));
    ASSERT_TRUE(call(root, "EnableMachine", "holm-bus-web", true).ok());
    EXPECT_TRUE(run_until([&] { return heard("StartUnit holm@holm-bus-web.service"); }));
}

TEST_F(JobsTest, ALostBusFailsNoStart)
{
    ASSERT_TRUE(call(root, "StartMachine", "holm-bus-web").ok());
    ASSERT_TRUE(run_until([&] { return heard("StartUnit holm@holm-bus-web.service"); }));
    run_a_while();
    holmd->units.detach();
    run_a_while();
    EXPECT_FALSE(has_signal("JobRemoved"));
    calls.clear();
    holmd->lifecycle.on_connected();
    EXPECT_TRUE(run_until([&] { return heard("StartUnit holm@holm-bus-web.service"); }));
}

TEST_F(JobsTest, AStopThatNoBusHasCarriedIsAskedAgain)
{
    const std::string stop = "StopUnit holm@holm-bus-web.service";
    ASSERT_TRUE(call(root, "StartMachine", "holm-bus-web").ok());
    ASSERT_TRUE(call(root, "StopMachine", "holm-bus-web").ok());
    ASSERT_TRUE(run_until([&] { return heard(stop); }));
    run_a_while();
    holmd->units.detach();
    run_a_while();
    EXPECT_FALSE(has_signal("JobRemoved holm-bus-web failed"));
    calls.clear();
    ASSERT_TRUE(holmd->units.attach());
    holmd->lifecycle.on_connected();
    ASSERT_TRUE(run_until([&] { return heard(stop); }));
    run_a_while();
    end_job("holm@holm-bus-web.service", "done");
    EXPECT_TRUE(run_until([&] { return has_signal("JobRemoved holm-bus-web done"); }));
    EXPECT_EQ(state(), "stopped");
}

TEST_F(JobsTest, AStopThatSystemdDoesNotAnswerIsAskedAgain)
{
    const std::string stop = "StopUnit holm@holm-bus-web.service";
    ASSERT_TRUE(call(root, "StartMachine", "holm-bus-web").ok());
    ASSERT_TRUE(run_until([&] { return heard("StartUnit holm@holm-bus-web.service"); }));
    run_a_while();
    systemd_error = "org.freedesktop.DBus.Error.NoReply";  // as dbus-daemon says it of a systemd that executes itself anew
    ASSERT_TRUE(call(root, "StopMachine", "holm-bus-web").ok());
    ASSERT_TRUE(run_until([&] { return heard(stop); }));
    run_a_while();
    EXPECT_FALSE(has_signal("JobRemoved holm-bus-web failed"));
    systemd_error.clear();
    calls.clear();
    EXPECT_TRUE(run_until([&] { return heard(stop); }));
}

TEST_F(JobsTest, AUnitThatIsMaskedIsAnError)
{
    systemd_error = "org.freedesktop.systemd1.UnitMasked";
    ASSERT_TRUE(call(root, "StartMachine", "holm-bus-web").ok());
    EXPECT_TRUE(run_until([&] { return has_signal("JobRemoved holm-bus-web failed"); }));
    EXPECT_EQ(state(), "failed");
}

TEST_F(JobsTest, AStopThatHasFailedCanBeAskedAgain)
{
    const std::string stop = "StopUnit holm@holm-bus-web.service";
    ASSERT_TRUE(call(root, "StartMachine", "holm-bus-web").ok());
    ASSERT_TRUE(call(root, "StopMachine", "holm-bus-web").ok());
    ASSERT_TRUE(run_until([&] { return heard(stop); }));
    run_a_while();
    end_job("holm@holm-bus-web.service", "canceled");
    ASSERT_TRUE(run_until([&] { return has_signal("JobRemoved holm-bus-web failed"); }));
    calls.clear();
    ASSERT_TRUE(call(root, "StopMachine", "holm-bus-web").ok());
    EXPECT_TRUE(run_until([&] { return heard(stop); }));
}

TEST_F(JobsTest, WhatWasAskedOnAConnectionThatEndsIsNoTimeout)
{
    std::optional<Errc> told;
    auto asked = holmd->bus.call({"org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "Subscribe"},
                                 systemd::default_timeout, [&](const auto& answer) { told = answer ? Errc::Failed : answer.error().code; });
    hang_up();
    ASSERT_TRUE(run_until([&] { return told.has_value(); }));
    EXPECT_EQ(*told, Errc::Unavailable);
}

TEST_F(JobsTest, ACallerWithTooManyCallsIsRefusedAndHoldsUpNobody)
{
    credentials = Credentials::Withheld;
    std::vector<std::shared_ptr<Answer>> waiting;
    for (size_t i = 0; i < api::max_pending_per_sender + 10; ++i)
        waiting.push_back(send(alice, api::root_path, api::manager_interface, "StopMachine", "holm-bus-web"));
    ASSERT_TRUE(run_until([&] { return std::ranges::count_if(waiting, [](auto& answer) { return answer->come; }) == 10; }));
    EXPECT_EQ(waiting.back()->error, "org.holm1.Error.Busy");
    EXPECT_TRUE(call(":1.1001", "ListMachines").ok());
    EXPECT_EQ(call(alice, "ListMachines").error, "org.holm1.Error.Busy");
}

TEST_F(JobsTest, AThousandListsAreAnswered)
{
    std::vector<std::shared_ptr<Answer>> waiting;
    for (int i = 0; i < 1000; ++i) waiting.push_back(send(alice, api::root_path, api::manager_interface, "ListAll"));
    EXPECT_TRUE(run_until([&] { return std::ranges::all_of(waiting, [](auto& answer) { return answer->ok(); }); }));
}

TEST_F(JobsTest, AReplyThatIsForgottenAnswersFailed)
{
    auto message = new_call(alice, api::root_path, api::manager_interface, "StopMachine");
    ASSERT_TRUE(systemd::append_all(message.get(), "holm-bus-web"));
    credentials = Credentials::Withheld;
    auto answer = send(std::move(message));
    run_a_while();
    ASSERT_FALSE(answer->come);
    holmd->authority.forget();
    EXPECT_EQ(wait_for(answer).error, "org.holm1.Error.Failed");
}

TEST_F(JobsTest, ObjectsAreListedWithTheirProperties)
{
    Answer answer = wait_for(send(root, api::root_path, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects"));
    ASSERT_TRUE(answer.ok()) << answer.text;
    ASSERT_GT(sd_bus_message_enter_container(answer.message.get(), 'a', "{oa{sa{sv}}}"), 0);
    bool found = false;
    while (sd_bus_message_enter_container(answer.message.get(), 'e', "oa{sa{sv}}") > 0) {
        found = found || answer.read<systemd::ObjectPath>().text == "/org/holm1/machine/holm_2dbus_2dweb";
        sd_bus_message_skip(answer.message.get(), "a{sa{sv}}");
        sd_bus_message_exit_container(answer.message.get());
    }
    EXPECT_TRUE(found);
}

}  // namespace
}  // namespace holm::test
