// SELinux, where the kernel has it: a boot of the VM for these alone, with a policy of their own (tests/vm/selinux.conf).
#include <sys/mount.h>
#include <sys/xattr.h>

#include "base/text.h"
#include "host.h"

namespace holm::test {

namespace {

constexpr const char* machine_context = "system_u:system_r:machine_t";
constexpr const char* file_context = "system_u:object_r:machine_file_t";
constexpr const char* secret_context = "system_u:object_r:secret_file_t";

// What the kernel says, without the NUL.
std::string line(std::string text)
{
    return std::string(trim(text.substr(0, text.find('\0'))));
}

}  // namespace

class SELinuxTest : public SystemTest {
protected:
    void SetUp() override
    {
        if (!has(content_of("/proc/filesystems"), "selinuxfs")) GTEST_SKIP() << "SELinux is not active here";
        load_policy();
        SystemTest::SetUp();
    }
    void TearDown() override
    {
        if (!IsSkipped()) SystemTest::TearDown();
    }
    // As load_policy(8) of a host at its boot; it cannot be taken back.
    static void load_policy()
    {
        if (content_of("/sys/fs/selinux/enforce") == "1") return;
        if (::access("/sys/fs/selinux/enforce", F_OK)) {
            ASSERT_EQ(::mount("selinuxfs", "/sys/fs/selinux", "selinuxfs", 0, nullptr), 0);
        }
        ASSERT_TRUE(succeeds(run({"dd", "if=/stage/policy", "of=/sys/fs/selinux/load", "bs=16M", "status=none"})));
        write_file("/sys/fs/selinux/enforce", "1");
        ASSERT_EQ(line(content_of("/proc/self/attr/current")), "system_u:system_r:host_t");
    }
    void define_with(const std::string& machine, const std::string& root, const std::string& more)
    {
        define(machine, fmt::format("[root]\n{}\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n[security]\n{}", root, more));
    }
};

TEST_F(SELinuxTest, AMachineHasItsContextsAndNoMore)
{
    const std::string machine = name(), secret = folder() + "/secret";
    make_folder(secret);
    // Not by mount(8): it leaves a context out where libselinux finds no configuration.
    ASSERT_EQ(::mount("tmpfs", secret.c_str(), "tmpfs", 0, fmt::format("context={}", secret_context).c_str()), 0);
    write_file(secret + "/word", "hidden\n", 0644);
    define_with(
        machine, fmt::format("lower = [\"{}\"]\nmode = \"ephemeral\"", busybox()),
        fmt::format("selinux = \"{}\"\nselinux_mounts = \"{}\"\n[[mount]]\nsource = \"{}\"\ntarget = \"/secret\"\nowner = \"host\"\n",
                    machine_context, file_context, secret));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_EQ(line(content_of(fmt::format("/proc/{}/attr/current", leader_of(machine)))), machine_context);
    EXPECT_EQ(line(holmctl({"exec", machine, "--", "/bin/cat", "/proc/self/attr/current"}).out), machine_context);
    const std::string root = fmt::format("/proc/{}/root", leader_of(machine));
    for (const char* path : {"/bin/busybox", "/tmp", "/run", "/dev", "/dev/pts", "/dev/shm"}) {
        std::string label(256, '\0');
        const ssize_t size = ::getxattr((root + path).c_str(), "security.selinux", label.data(), label.size());
        EXPECT_EQ(line(label.substr(0, size < 0 ? 0 : static_cast<size_t>(size))), file_context) << path;
    }
    EXPECT_TRUE(succeeds(holmctl({"exec", machine, "--", "/bin/cat", "/etc/passwd"})));
    EXPECT_EQ(content_of(secret + "/word"), "hidden\n");
    EXPECT_TRUE(has(holmctl({"exec", machine, "--", "/bin/cat", "/secret/word"}).err, "Permission denied")) << "by the policy alone";
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
    EXPECT_TRUE(succeeds(run({"umount", secret})));
}

TEST_F(SELinuxTest, AContextThatThePolicyDoesNotKnowIsSaid)
{
    const std::string machine = name();
    const std::string root = fmt::format("lower = [\"{}\"]\nmode = \"ephemeral\"", busybox());
    define_with(machine, root, "selinux = \"system_u:system_r:nobody_t\"\n");
    EXPECT_TRUE(has(holmctl({"start", machine}).err, "the context 'system_u:system_r:nobody_t' of SELinux"));
    define_with(machine, root, "selinux_mounts = \"system_u:object_r:nothing_t\"\n");
    EXPECT_TRUE(has(holmctl({"start", machine}).err, "system_u:object_r:nothing_t"));
    run({"systemctl", "reset-failed", service_of(machine)});
}

}  // namespace holm::test
