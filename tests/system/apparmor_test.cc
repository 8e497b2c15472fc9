// AppArmor, where the kernel has it: that of the VM does.
#include "base/text.h"
#include "host.h"

namespace holm::test {

namespace {

constexpr const char* loaded = "/sys/kernel/security/apparmor/profiles";

}  // namespace

class AppArmorVmTest : public SystemTest {
protected:
    void SetUp() override
    {
        if (!content_of("/sys/module/apparmor/parameters/enabled").starts_with('Y')) GTEST_SKIP() << "AppArmor is not active here";
        SystemTest::SetUp();
    }
    void TearDown() override
    {
        if (!IsSkipped()) SystemTest::TearDown();
    }
    void define_with(const std::string& machine, const std::string& root, const std::string& payload, const std::string& profile)
    {
        define(machine, fmt::format("[root]\n{}\n[payload]\n{}\n[security]\napparmor = \"{}\"\n", root, payload, profile));
    }
};

TEST_F(AppArmorVmTest, ASystemBootsInAProfileOfItsOwn)
{
    const std::string machine = name("deb"), label = "holm-machine-" + machine + " (enforce)\n";
    define_with(machine, fmt::format("lower = [\"{}\"]\nmode = \"ephemeral\"", guest()), "ready = \"notify\"", "generated");
    ASSERT_TRUE(succeeds(holmctl({"start", machine}, {}, 180s)));
    EXPECT_EQ(trim(holmctl({"exec", machine, "--", "systemctl", "is-system-running", "--wait"}, {}, 180s).out), "running");
    EXPECT_TRUE(has(content_of(loaded), label));
    EXPECT_EQ(content_of(fmt::format("/proc/{}/attr/current", leader_of(machine))), label);
    EXPECT_EQ(holmctl({"exec", machine, "--", "cat", "/proc/self/attr/current"}).out, label);
    // Covered by an empty file in every machine, which can be read: it is the profile that says no.
    EXPECT_TRUE(has(holmctl({"exec", machine, "--", "cat", "/proc/kcore"}).err, "Permission denied"));
    EXPECT_NE(holmctl({"exec", machine, "--", "sh", "-c", "echo 'exec unconfined' >/proc/self/attr/exec && true"}).code, 0);
    EXPECT_TRUE(succeeds(holmctl({"stop", machine}, {}, 120s)));
    EXPECT_TRUE(eventually([&] { return !has(content_of(loaded), label); }, 60s)) << content_of(loaded);
}

TEST_F(AppArmorVmTest, AProfileOfTheHostHoldsACommand)
{
    const std::string machine = name();
    write_file(folder() + "/profile",
               "profile holm-test-own flags=(attach_disconnected) {\n  file,\n  capability,\n  network,\n  mount,\n"
               "  umount,\n  signal,\n  deny /etc/passwd r,\n}\n");
    ASSERT_TRUE(succeeds(run({"apparmor_parser", "--replace", "--skip-cache", folder() + "/profile"})));
    define_with(machine, fmt::format("path = \"{}\"", busybox()), "command = [\"/bin/sleep\", \"1000\"]", "holm-test-own");
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_EQ(holmctl({"exec", machine, "--", "/bin/cat", "/proc/1/attr/current"}).out, "holm-test-own (enforce)\n");
    EXPECT_TRUE(has(holmctl({"exec", machine, "--", "/bin/cat", "/etc/passwd"}).err, "Permission denied"));
    EXPECT_TRUE(succeeds(holmctl({"exec", machine, "--", "/bin/ls", "/etc/"})));
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
    EXPECT_TRUE(succeeds(run({"apparmor_parser", "--remove", folder() + "/profile"})));
}

// Killed between the claim and the release: the profile goes with the rest.
TEST_F(AppArmorVmTest, NoProfileIsLeftByAMachineThatIsGone)
{
    const std::string machine = name();
    define_with(machine, fmt::format("path = \"{}\"", busybox()), "command = [\"/bin/sleep\", \"1000\"]", "generated");
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(has(content_of(loaded), "holm-machine-" + machine));
    kill_holmd();
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
    EXPECT_TRUE(eventually([&] { return !has(content_of(loaded), "holm-machine-" + machine); }, 60s)) << content_of(loaded);
    define_with(machine, "path = \"/nowhere\"", "command = [\"/bin/true\"]", "generated");
    EXPECT_NE(holmctl({"start", machine}).code, 0);
    EXPECT_FALSE(has(content_of(loaded), "holm-machine-" + machine));
    run({"systemctl", "reset-failed", service_of(machine)});
}

}  // namespace holm::test
