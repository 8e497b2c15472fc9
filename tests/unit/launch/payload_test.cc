// PID 1 by what was found: kinds of init, arguments of systemd, environment, commands that cannot run.
#include "launch/payload.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include "example.h"

namespace holm::launch {
namespace {

using rootfs::Found;

constexpr const char* uuid = "00112233445546778899aabbccddeeff";

std::string variable(const Payload& payload, std::string_view name)
{
    for (const auto& [key, value] : payload.environment)
        if (key == name) return value;
    return "(unset)";
}

TEST(ClassifyInit, ByTheFileBehindAllLinks)
{
    EXPECT_EQ(classify_init("/usr/lib/systemd/systemd", true), InitKind::Systemd);
    EXPECT_EQ(classify_init("/bin/busybox", true), InitKind::Busybox);
    EXPECT_EQ(classify_init("/usr/bin/openrc-init", false), InitKind::OpenRc);
    EXPECT_EQ(classify_init("/usr/bin/runit-init", false), InitKind::Runit);
    EXPECT_EQ(classify_init("/etc/s6-linux-init/current/bin/init", false), InitKind::S6);
    EXPECT_EQ(classify_init("/usr/sbin/init", true), InitKind::Sysv);
    EXPECT_EQ(classify_init("/usr/sbin/init", false), InitKind::Other);
}

TEST(StopSignal, ByKind)
{
    EXPECT_EQ(stop_signal_of(InitKind::Systemd), SIGRTMIN + 3);
    EXPECT_EQ(stop_signal_of(InitKind::Busybox), SIGUSR2);
    EXPECT_EQ(stop_signal_of(InitKind::Command), SIGTERM);
}

TEST(BootPayload, SystemdIsToldWhoItIs)
{
    Payload payload = *plan_payload(example::spec(), example::facts(), {}, uuid);
    EXPECT_EQ(payload.init_kind, InitKind::Systemd);
    EXPECT_EQ(payload.command,
              (std::vector<std::string>{"/sbin/init", fmt::format("systemd.machine_id={}", uuid), "systemd.hostname=web"}));
    EXPECT_TRUE(payload.boot && payload.ready_by_notify);
    EXPECT_EQ(payload.stop_signal, SIGRTMIN + 3);
    EXPECT_EQ(payload.start_timeout, std::chrono::seconds(90));
}

TEST(BootPayload, MachineIdOfAPathIsKept)
{
    machine::Spec spec = example::spec();
    spec.root = {.path = "/srv/web"};
    EXPECT_EQ(plan_payload(spec, example::facts(), {}, uuid)->command.size(), 2U);
    spec.identity.machine_id = machine::MachineIdKind::Derived;
    EXPECT_EQ(plan_payload(spec, example::facts(), {}, uuid)->command.size(), 3U);
}

TEST(BootPayload, OtherInitsAreReadyAtOnceAndGetNoArguments)
{
    Facts facts = example::facts();
    facts.rootfs.init.path = "/bin/busybox";
    Payload payload = *plan_payload(example::spec(), facts, {}, uuid);
    EXPECT_EQ(payload.command, std::vector<std::string>{"/sbin/init"});
    EXPECT_FALSE(payload.ready_by_notify);
}

TEST(BootPayload, ArgumentsOfTheInit)
{
    machine::Spec spec = example::spec();
    spec.payload.boot = true;
    spec.payload.command = {"--unit=rescue.target"};
    EXPECT_EQ(plan_payload(spec, example::facts(), {}, uuid)->command.back(), "--unit=rescue.target");
}

TEST(BootPayload, WithoutAnInit)
{
    Facts facts = example::facts();
    facts.rootfs.init = {};
    auto planned = plan_payload(example::spec(), facts, {}, uuid);
    ASSERT_FALSE(planned);
    EXPECT_EQ(planned.error().code, Errc::NotFound);
    EXPECT_EQ(planned.error().text,
              "the root '/srv/app' of machine 'web' has no init (looked for /sbin/init, /usr/lib/systemd/systemd, /lib/systemd/systemd, "
              "/etc/init, /bin/init): give it a command");
}

TEST(CommandPayload, IsFoundByPath)
{
    Payload payload = *plan_payload(example::command_spec(), example::command_facts(), {}, uuid);
    EXPECT_EQ(payload.command, (std::vector<std::string>{"/usr/bin/app", "-v"}));
    EXPECT_EQ(payload.init_kind, InitKind::Command);
    EXPECT_FALSE(payload.boot || payload.ready_by_notify || payload.stub);
    EXPECT_EQ(payload.stop_signal, SIGTERM);
}

TEST(CommandPayload, BelowAMountItStaysAsAsked)
{
    Facts facts = example::command_facts();
    facts.rootfs.command = {.kind = Found::Kind::Covered, .asked = "app"};
    EXPECT_EQ(plan_payload(example::command_spec(), facts, {}, uuid)->command[0], "app");
}

TEST(CommandPayload, OnlyTheWorkingDirectoryOfAnImageIsMade)
{
    machine::Spec spec = example::command_spec();
    spec.payload.working_directory = "/srv";
    EXPECT_FALSE(plan_payload(spec, example::command_facts(), {}, uuid)->makes_working_directory);
    spec.payload.makes_working_directory = true;
    EXPECT_TRUE(plan_payload(spec, example::command_facts(), {}, uuid)->makes_working_directory);
}

TEST(CommandPayload, ExitStatus127And126)
{
    Facts facts = example::command_facts();
    auto code = [&](Found::Kind kind, bool executable) {
        facts.rootfs.command.kind = kind, facts.rootfs.command.executable = executable;
        return plan_payload(example::command_spec(), facts, {}, uuid).error().code;
    };
    EXPECT_EQ(code(Found::Kind::Missing, false), Errc::NoCommand);
    EXPECT_EQ(code(Found::Kind::File, false), Errc::NotExecutable);
    EXPECT_EQ(code(Found::Kind::Folder, false), Errc::NotExecutable);
    EXPECT_EQ(code(Found::Kind::Other, false), Errc::NotExecutable);
}

TEST(CommandPayload, NeitherInitNorCommand)
{
    machine::Spec spec = example::spec();
    spec.payload.boot = false;
    EXPECT_EQ(plan_payload(spec, example::facts(), {}, uuid).error().code, Errc::Invalid);
}

TEST(Environment, WholeAndTheMachinesOwnNamesAreHolms)
{
    machine::Spec spec = example::command_spec();
    spec.payload.environment = {{"PATH", "/opt"}, {"container", "docker"}, {"A", ""}};
    Payload payload = *plan_payload(spec, example::command_facts(), {.console = Console::Terminal, .term = "xterm"}, uuid);
    EXPECT_EQ(variable(payload, "PATH"), "/opt");
    EXPECT_EQ(variable(payload, "A"), "");
    EXPECT_EQ(variable(payload, "container"), "holm");
    EXPECT_EQ(variable(payload, "container_uuid"), "00112233-4455-4677-8899-aabbccddeeff");
    EXPECT_EQ(variable(payload, "HOME"), "/root");
    EXPECT_EQ(variable(payload, "TERM"), "xterm");
    EXPECT_EQ(variable(payload, "NOTIFY_SOCKET"), "(unset)");
    EXPECT_EQ(variable(payload, "CREDENTIALS_DIRECTORY"), "(unset)");
    EXPECT_EQ(payload_path(spec.payload), "/opt");
}

TEST(Environment, OfAnotherUserIsLeftToTheMachine)
{
    machine::Spec spec = example::command_spec();
    spec.payload.user = "app";
    Payload payload = *plan_payload(spec, example::command_facts(), {.console = Console::Pipes}, uuid);
    EXPECT_EQ(variable(payload, "HOME"), "(unset)");
    EXPECT_EQ(variable(payload, "TERM"), "(unset)");
}

TEST(Environment, NotifyAndCredentials)
{
    machine::Spec spec = example::command_spec();
    spec.payload.ready.kind = machine::ReadyKind::Notify;
    spec.credentials = {{"db", "/etc/holm/secrets/db"}};
    Payload payload = *plan_payload(spec, example::command_facts(), {}, uuid);
    EXPECT_EQ(variable(payload, "NOTIFY_SOCKET"), "/run/host/notify");
    EXPECT_EQ(variable(payload, "CREDENTIALS_DIRECTORY"), "/run/host/credentials");
}

}  // namespace
}  // namespace holm::launch
