// A service whose unit fails, or is left alone by systemd, before its supervisor can say anything.
#include "host.h"

namespace holm::test {

class UnitFailureTest : public SystemTest {
protected:
    // A machine that runs until it is stopped.
    std::string defined()
    {
        std::string machine = name();
        define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n", busybox()));
        return machine;
    }
    static std::string folder_of(const std::string& machine) { return fmt::format("/etc/systemd/system/{}.d", service_of(machine)); }
    // A drop-in of its unit; "": none.
    void drop_in(const std::string& machine, const std::string& text)
    {
        run({"rm", "-rf", folder_of(machine)});
        dropped_ = machine;
        if (!text.empty()) {
            make_folder(folder_of(machine));
            write_file(folder_of(machine) + "/50-test.conf", text);
        }
        ASSERT_TRUE(succeeds(run({"systemctl", "daemon-reload"})));
    }
    void TearDown() override
    {
        if (!dropped_.empty()) {
            drop_in(dropped_, "");
            run({"systemctl", "reset-failed", service_of(dropped_)});
        }
        SystemTest::TearDown();
    }

private:
    std::string dropped_;
};

TEST_F(UnitFailureTest, AConditionThatDoesNotHoldEndsTheStart)
{
    const std::string machine = defined();
    drop_in(machine, "[Unit]\nConditionPathIsMountPoint=/srv/no-mount\n");
    EXPECT_TRUE(refuses(holmctl({"start", machine}, "", 20s), 1, "ConditionPathIsMountPoint=/srv/no-mount"));
    EXPECT_EQ(state_of(machine), "failed");
    EXPECT_TRUE(has(holmctl({"why", machine}).out, "ConditionPathIsMountPoint=/srv/no-mount"));
    EXPECT_TRUE(has(holmctl({"status", machine}).out, "ConditionPathIsMountPoint"));
    EXPECT_EQ(unit_state(service_of(machine)), "inactive");
    EXPECT_TRUE(refuses(holmctl({"start", machine}, "", 20s), 1, "ConditionPathIsMountPoint")) << "again";
    drop_in(machine, "[Unit]\nAssertPathExists=/srv/no-file\n");
    EXPECT_TRUE(refuses(holmctl({"start", machine}, "", 20s), 1, "AssertPathExists=/srv/no-file"));
    drop_in(machine, "");
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
}

TEST_F(UnitFailureTest, WhatRunsBeforeTheSupervisorIsNamed)
{
    const std::string machine = defined();
    drop_in(machine, "[Service]\nExecStartPre=/bin/false\n");
    EXPECT_TRUE(refuses(holmctl({"start", machine}, "", 20s), 1, "ExecStartPre=/bin/false ended with status 1"));
    EXPECT_TRUE(has(holmctl({"why", machine}).out, "ExecStartPre=/bin/false"));
    drop_in(machine, "[Service]\nExecCondition=/bin/false\n");
    EXPECT_TRUE(refuses(holmctl({"start", machine}, "", 20s), 1, "ExecCondition=/bin/false"));
    EXPECT_EQ(state_of(machine), "failed");
}

// Its machine was stopped in order, and is not up again: that is no ordinary stop.
TEST_F(UnitFailureTest, ARestartThatFailsBeforeTheSupervisorIsAFailure)
{
    const std::string machine = defined();
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    drop_in(machine, "[Service]\nExecStartPre=/bin/false\n");
    EXPECT_TRUE(refuses(holmctl({"restart", machine}, "", 20s), 1, "ExecStartPre=/bin/false ended with status 1"));
    EXPECT_EQ(state_of(machine), "failed");
    const std::string why = holmctl({"why", machine}).out;
    EXPECT_TRUE(has(why, "ExecStartPre=/bin/false"));
    EXPECT_TRUE(has(why, "unit        failed"));
    drop_in(machine, "");
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    drop_in(machine, "[Unit]\nConditionPathExists=/srv/no-file\n");
    EXPECT_TRUE(refuses(holmctl({"restart", machine}, "", 20s), 1, "ConditionPathExists=/srv/no-file"));
    EXPECT_EQ(state_of(machine), "failed");
}

// What is left with systemd of an earlier start, and fails before holm has a part in it, fails once and not for ever.
TEST_F(UnitFailureTest, ALeftoverOfAnEarlierStartFailsOneStartAlone)
{
    const std::string machine = defined(), folder = fmt::format("/run/systemd/system.control/{}.d", service_of(machine));
    auto leave = [&] {
        make_folder(folder);
        write_file(folder + "/50-MemoryMax.conf", "[Service]\nExecStartPre=/bin/false\n");
        ASSERT_TRUE(succeeds(run({"systemctl", "daemon-reload"})));
    };
    leave();
    EXPECT_TRUE(refuses(holmctl({"start", machine}, "", 20s), 1, "ExecStartPre=/bin/false"));
    EXPECT_FALSE(exists(folder));
    ASSERT_TRUE(succeeds(holmctl({"start", machine}, "", 20s)));
    leave();
    EXPECT_TRUE(refuses(holmctl({"restart", machine}, "", 20s), 1, "ExecStartPre=/bin/false"));
    EXPECT_FALSE(exists(folder));
    ASSERT_TRUE(succeeds(holmctl({"start", machine}, "", 20s)));
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
}

TEST_F(UnitFailureTest, ADevicePolicyThatNothingStartsWithIsRefused)
{
    const std::string machine = defined();
    EXPECT_TRUE(refuses(holmctl({"set", machine, "DevicePolicy=strict"}), 1, "'closed'"));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(refuses(holmctl({"set", "--runtime", machine, "DevicePolicy=strict"}), 1, "'closed'"));
    EXPECT_TRUE(succeeds(holmctl({"set", "--runtime", machine, "DevicePolicy=auto"})));
    EXPECT_TRUE(succeeds(holmctl({"restart", machine})));
    EXPECT_EQ(unit_property(service_of(machine), "DevicePolicy"), "closed");
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
    const std::string strict = name();
    define(strict,
           fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/true\"]\n[resources]\nDevicePolicy = \"strict\"\n", busybox()));
    EXPECT_FALSE(succeeds(holmctl({"verify", strict})));
    EXPECT_TRUE(refuses(holmctl({"start", strict}), 1, "DevicePolicy"));
}

TEST_F(UnitFailureTest, AUnitThatItRequiresIsNamed)
{
    const std::string machine = defined(), other = "holm-test-required.service";
    write_file("/run/systemd/system/" + other, "[Service]\nType=oneshot\nExecStart=/bin/false\n");
    drop_in(machine, fmt::format("[Unit]\nRequires={0}\nAfter={0}\n", other));
    EXPECT_TRUE(refuses(holmctl({"start", machine}, "", 20s), 1, "requires"));
    EXPECT_EQ(state_of(machine), "failed");
    run({"rm", "-f", "/run/systemd/system/" + other});
    run({"systemctl", "reset-failed", other});
}

}  // namespace holm::test
