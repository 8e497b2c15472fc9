// What the payload of a machine may, by default and as its definition says: system calls, devices, parameters of the kernel, machines
// inside.
#include <filesystem>

#include "base/text.h"
#include "host.h"

namespace holm::test {

namespace fs = std::filesystem;

class PrivilegesTest : public SystemTest {};

// What each kind of machine may, as isolation_table asks and the tables beside it have it: system calls, capabilities, files, devices.
TEST_F(PrivilegesTest, TablesAreTheDocumentedDefaults)
{
    const std::string program = fs::read_symlink("/proc/self/exe").parent_path().string() + "/isolation_table";
    auto compare = [](const std::string& profile, const Outcome& outcome) {
        ASSERT_TRUE(succeeds(outcome)) << profile;
        const std::string made = fmt::format("{}/{}.table", getenv("TMPDIR") ? getenv("TMPDIR") : "/data", profile);
        write_file(made, outcome.out);
        Outcome difference = run({"diff", "-U0", fmt::format("/source/tests/system/isolation/{}.table", profile), made});
        EXPECT_EQ(difference.out + difference.err, "") << profile << ": made " << made;
    };
    compare("command", foreground({"/isolation_table"}, {"--bind=" + program + ":/isolation_table:ro"}));
    std::string machine = boot({"--bind=" + program + ":/isolation_table:ro"});
    compare("boot", holmctl({"exec", machine, "--", "/isolation_table"}));
}

TEST_F(PrivilegesTest, CallsAreFilteredForInitExecAndShell)
{
    std::string machine = boot();
    EXPECT_EQ(status_line(leader_of(machine), "Seccomp"), "2");
    EXPECT_EQ(status_line(leader_of(machine), "Seccomp_filters"), "2");
    EXPECT_TRUE(has(inside(machine, "grep Seccomp_filters /proc/self/status").out, "\t2\n"));
    EXPECT_TRUE(has(holmctl({"shell", machine, "/bin/grep", "Seccomp_filters", "/proc/self/status"}).out, "2"));
    EXPECT_TRUE(succeeds(inside(machine, "su nobody -s /bin/sh -c 'cat /proc/self/status' | grep -q 'Seccomp:.*2'")));
    // Not root, no no_new_privs: the filter needs a privilege that the payload must not have.
    for (const char* init : {"false", "true"}) {
        std::string web = name();
        define(web, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\nuser = \"1000\"\ninit = {}\n"
                                "[security]\nno_new_privileges = false\n",
                                busybox(), init));
        ASSERT_TRUE(succeeds(holmctl({"start", web})));
        int pid = leader_of(web);
        EXPECT_EQ(status_line(pid, "Seccomp"), "2");
        EXPECT_EQ(status_line(pid, "CapPrm"), "0000000000000000");
        EXPECT_EQ(status_line(pid, "NoNewPrivs"), "0");
    }
}

TEST_F(PrivilegesTest, CallsByDefinition)
{
    std::string machine = name(), root = busybox();
    const std::string head = fmt::format(
        "[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sh\", \"-c\", \"mkdir /a; chmod 700 /a; "
        "echo $?; grep Seccomp: /proc/self/status\"]\n[security]\n",
        root);
    auto started = [&](const std::string& syscalls) {
        define(machine, head + "syscalls = " + syscalls + "\n");
        return holmctl({"run", "--rm", "--name=" + name(), "--file=/etc/holm/machines/" + machine + ".toml"});
    };
    EXPECT_TRUE(has(started("{ profile = \"none\" }").out, "Seccomp:\t0"));
    EXPECT_TRUE(has(started("{ deny = [\"chmod\", \"fchmodat\"] }").out, "1\n"));
    EXPECT_TRUE(has(started("{ allow = [\"keyctl\"], log = true }").out, "0\n"));
    EXPECT_TRUE(refuses(started("{ deny = [\"chmodd\"] }"), 125, "did you mean 'chmod'"));
    EXPECT_TRUE(refuses(started("{ profile = \"nothing\" }"), 125, "default or none"));
}

// A whole Debian system that is not only the least: the host's own root, with sudo and ping.
TEST_F(PrivilegesTest, UsersPingAndBecomeRoot)
{
    std::string machine = name();
    ASSERT_TRUE(succeeds(holmctl({"run", "--name=" + machine, "--detach", "--boot", "--ephemeral", "--root=" + real_root()})));
    Outcome made = inside(machine, "echo 'ALL ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/all && chmod 440 /etc/sudoers.d/all");
    ASSERT_TRUE(succeeds(made));
    EXPECT_EQ(holmctl({"exec", "--user=nobody", machine, "--", "sudo", "-n", "id", "-u"}).out, "0\n");
    EXPECT_TRUE(succeeds(holmctl({"exec", "--user=nobody", machine, "--", "ping", "-c", "1", "127.0.0.1"})));
}

TEST_F(PrivilegesTest, ADebianSystemBootsWithoutAFailedUnit)
{
    std::string machine = boot();
    EXPECT_TRUE(eventually([&] { return trim(inside(machine, "systemctl is-system-running").out) == "running"; }));
    EXPECT_EQ(inside(machine, "systemctl --failed --no-legend").out, "");
}

TEST_F(PrivilegesTest, DevicesThatAreAskedFor)
{
    std::string machine = background("exec sleep 1000", {"--device=/dev/loop-control", "--device=/dev/net/tun:rwm"});
    Outcome listed = inside(machine, "stat -c '%n %t:%T %u' /dev/loop-control /dev/net/tun; : </dev/net/tun && echo opened");
    EXPECT_TRUE(has(listed.out, "/dev/loop-control a:ed 0\n")) << "root's, as on the host";
    EXPECT_TRUE(has(listed.out, "/dev/net/tun a:c8 0\nopened"));
    EXPECT_TRUE(has(unit_property(scope_of(machine), "DeviceAllow"), "/dev/char/10:200 rwm"));
    EXPECT_TRUE(has(unit_property(scope_of(machine), "DeviceAllow"), "/dev/char/10:237 rw"));
    EXPECT_NE(inside(machine, "mknod /tmp/x c 10 229").code, 0);
    EXPECT_TRUE(refuses(foreground({"/bin/true"}, {"--device=/dev/nothing"}), 125, "'/dev/nothing'"));
    EXPECT_TRUE(refuses(foreground({"/bin/true"}, {"--device=/dev/fd/0/x"}), 125, "/dev/fd"));
}

TEST_F(PrivilegesTest, DevicesComeAndGoWhileItRuns)
{
    std::string machine = name(), unit = service_of(machine),
                head = fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n", busybox());
    define(machine, head + "[security]\ndevices = [\"/dev/loop-control\"]\n");
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    define(machine, head + "[security]\ndevices = [\"/dev/net/tun:rw\"]\n");
    Outcome planned = holmctl({"plan", machine});
    EXPECT_TRUE(has(planned.out, "live           security.devices./dev/loop-control  char 10:237"));
    EXPECT_TRUE(has(planned.out, "live           security.devices./dev/net/tun       (none) -> char 10:200"));
    EXPECT_FALSE(planned.out.contains("needs restart")) << planned.out;
    ASSERT_TRUE(succeeds(holmctl({"apply", machine})));
    const std::string look = "stat -c '%n %t:%T %u' /dev/net/tun; : </dev/net/tun && echo opened; ls /dev/loop-control 2>&1";
    Outcome seen = inside(machine, look);
    EXPECT_TRUE(has(seen.out, "/dev/net/tun a:c8 0\nopened\n"));
    EXPECT_TRUE(has(seen.out, "No such file"));
    EXPECT_TRUE(has(unit_property(unit, "DeviceAllow"), "/dev/char/10:200"));
    EXPECT_FALSE(unit_property(unit, "DeviceAllow").contains("10:237"));
    EXPECT_NE(inside(machine, "mknod /tmp/x c 10 229").code, 0);
    EXPECT_TRUE(has(holmctl({"plan", machine}).out, "runs as its definition says"));
    // A reboot of the payload has the same; and what is taken back is.
    ASSERT_TRUE(succeeds(holmctl({"reboot", machine})));
    EXPECT_EQ(inside(machine, look).out, seen.out);
    define(machine, head);
    ASSERT_TRUE(succeeds(holmctl({"apply", "--confirm=1h", machine})));
    EXPECT_NE(inside(machine, "test -e /dev/net/tun").code, 0);
    ASSERT_TRUE(succeeds(holmctl({"apply", "--revert", machine})));
    EXPECT_EQ(inside(machine, look).out, seen.out);
    ASSERT_TRUE(succeeds(holmctl({"terminate", machine})));
}

// A label is for a kernel that knows it: what is asked for and cannot be had is refused, and nothing runs without it.
TEST_F(PrivilegesTest, LabelsNeedTheirModule)
{
    std::string machine = name(),
                head = fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/cat\", \"/proc/self/attr/current\"]\n", busybox());
    const bool apparmor = content_of("/sys/module/apparmor/parameters/enabled").starts_with('Y'),
               selinux = exists("/sys/fs/selinux/enforce");
    define(machine, head + "[security]\napparmor = \"no-such-profile\"\n");
    EXPECT_TRUE(refuses(holmctl({"start", machine}), 1,
                        apparmor ? "AppArmor has no profile 'no-such-profile'" : "AppArmor is not active on this host"));
    define(machine, head + "[security]\nselinux = \"x\"\n");
    EXPECT_TRUE(refuses(holmctl({"start", machine}), 1, selinux ? "SELinux" : "SELinux is not active on this host"));
    run({"systemctl", "reset-failed", service_of(machine)});
}

TEST_F(PrivilegesTest, KernelParametersOfTheMachineAlone)
{
    std::string machine = name();
    const std::string before = content_of("/proc/sys/kernel/shmmni"),
                      head = fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n[security]\n", busybox());
    define(machine, head + "sysctl = { \"net.core.somaxconn\" = \"1234\", \"kernel.shmmni\" = \"321\", \"fs.mqueue.msg_max\" = \"11\" }\n");
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_EQ(inside(machine, "cat /proc/sys/net/core/somaxconn /proc/sys/kernel/shmmni /proc/sys/fs/mqueue/msg_max").out,
              "1234\n321\n11\n");
    EXPECT_EQ(content_of("/proc/sys/kernel/shmmni"), before);
    define(machine, head + "sysctl = { \"kernel.core_pattern\" = \"x\" }\n");
    EXPECT_TRUE(refuses(holmctl({"plan", machine}), 1, "kernel.core_pattern"));
    define(machine, head + "sysctl = { \"net.core.somaxconn\" = \"none\" }\n");
    EXPECT_FALSE(succeeds(holmctl({"restart", machine})));
}

// A machine of which machines are made: it may mount what a machine inside needs, and only where that was asked for.
TEST_F(PrivilegesTest, NestingOpensWhatMachinesInsideNeed)
{
    std::string plain = boot(), machine = name();
    define(machine, "[root]\npath = \"" + debian() + "\"\n[security]\nnesting = true\n");
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    const std::string inner = "unshare -Urmpf --mount-proc true";
    EXPECT_TRUE(succeeds(inside(machine, inner)));
    EXPECT_NE(inside(plain, inner).code, 0);
    EXPECT_TRUE(succeeds(inside(machine, "unshare -Urmn mount -t sysfs sysfs /mnt")));
    EXPECT_NE(inside(machine, "umount -l /proc/sys").code, 0) << "its own covers stay";
    define(machine, "[root]\npath = \"/\"\nmode = \"ephemeral\"\n[security]\nnesting = true\nusers = \"identity\"\n");
    EXPECT_TRUE(refuses(holmctl({"plan", machine}), 1, "nesting"));
}

}  // namespace holm::test
