// What a guest, an image or another user says of itself is not trusted: it opens nothing of the host, and costs a bounded amount.
#include <sys/stat.h>

#include "base/text.h"
#include "host.h"

namespace holm::test {

class TrustTest : public SystemTest {
protected:
    static Outcome os_release_of(const std::string& machine)
    {
        return run({"busctl", "call", "org.holm1", "/org/holm1", "org.holm1.Manager", "GetMachineOSRelease", "s", machine}, {}, 20s);
    }
    static long resident(int pid) { return std::stol(status_line(pid, "VmRSS")); }  // KiB
    static int supervisor_of(const std::string& machine)
    {
        return std::stoi("0" + sh(fmt::format("pgrep -f 'holm-supervisor.*{}' | head -n 1", machine)).out);
    }
};

// Links, pipes, devices, mounts and sparse files in the place of what holmd reads of a machine.
TEST_F(TrustTest, MetadataOfAMachineLeadsNowhere)
{
    write_file(folder() + "/secret", "SECRET=of-the-host\n");
    const std::string machine = background("trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done", {"--network=none"});
    const int holmd = holmd_pid();
    for (const std::string& trick : std::vector<std::string>{
             fmt::format("ln -s {}/secret /etc/os-release", folder()), "mkfifo /etc/os-release",
             "ln -s /etc/fifo /etc/os-release; mkfifo /etc/fifo", "truncate -s 4G /etc/os-release", "mkdir /etc/os-release",
             "ln -s /proc/1/root/etc/passwd /etc/os-release", "ln -s /dev/zero /etc/os-release", "ln -s os-release /etc/os-release",
             "echo A=1 >/tmp/o; touch /etc/os-release; mount --bind /tmp/o /etc/os-release",
             "head -c 3000000 /dev/zero | tr '\\0' '\\n' >/etc/os-release", "printf 'ID=\"a\\001b\\n\\nX\\n=Y\\n' >/etc/os-release"}) {
        inside(
            machine,
            "umount /etc/os-release 2>/dev/null; rm -rf /etc/os-release /usr/lib/os-release /etc/fifo; mkdir -p /etc /usr/lib; " + trick);
        Outcome answer = os_release_of(machine);
        EXPECT_FALSE(has(answer.out + answer.err, "of-the-host")) << trick;
        EXPECT_FALSE(has(answer.out, "/bin/")) << trick;
        EXPECT_TRUE(succeeds(holmctl({"status", machine}, {}, 20s))) << trick;
    }
    EXPECT_EQ(holmd_pid(), holmd);
}

// Labels are data: of a definition none becomes a property of its unit.
TEST_F(TrustTest, LabelsReachNoUnit)
{
    const std::string machine = name();
    define(machine,
           fmt::format(
               "[labels]\n\"org.systemd.property.ExecStopPost\" = \"/bin/touch {0}/ran\"\n\"org.systemd.property.MemoryMax\" = \"1M\"\n"
               "[root]\npath = \"{1}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\nstop_signal = \"SIGKILL\"\n",
               folder(), busybox()));
    const Outcome started = holmctl({"start", machine});
    if (started.code == 0) {
        EXPECT_FALSE(has(unit_property(service_of(machine), "ExecStopPost"), "touch"));
        EXPECT_EQ(unit_property(service_of(machine), "MemoryMax"), "infinity");
        EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
    } else EXPECT_TRUE(has(started.err, "label"));
    EXPECT_FALSE(exists(folder() + "/ran"));
}

// A reader that does not read costs neither holmd nor the supervisor memory, and a huge /etc/group is refused.
TEST_F(TrustTest, WhatAGuestGivesIsBounded)
{
    const std::string machine = background();
    const int holmd = holmd_pid(), supervisor = supervisor_of(machine);
    ASSERT_GT(supervisor, 0);
    const long holmd_before = resident(holmd), before = resident(supervisor);
    Process endless(std::vector<std::string>{"bash", "-c", fmt::format("holmctl exec {} -- /bin/cat /dev/zero | sleep 5", machine)});
    Process attached(std::vector<std::string>{"bash", "-c", fmt::format("holmctl attach {} | sleep 5", machine)});
    inside(machine, "head -c 50000000 /dev/zero | tr '\\0' x >/dev/console");
    endless.wait(30s);
    attached.wait(30s);
    EXPECT_LT(resident(holmd) - holmd_before, 16 << 10);
    EXPECT_LT(resident(supervisor) - before, 16 << 10);
    inside(machine, "echo 'user:x:1000:1000::/:/bin/sh' >>/etc/passwd; truncate -s 2G /etc/group");
    EXPECT_TRUE(exits(holmctl({"exec", "--user=user", machine, "--", "/bin/true"}, {}, 20s), 125));
    EXPECT_EQ(holmd_pid(), holmd);
}

// Nothing of ours is set-user-id, and no other user gets below what machines are made of, whatever umask holmd was started with.
TEST_F(TrustTest, OtherUsersGetNoFurtherByUmask)
{
    EXPECT_EQ(sh("find /usr/bin/holmctl /usr/lib/holm /usr/lib/systemd/system-generators/holm-generator -perm /6000").out, "");
    std::string modes;
    for (const char* umask : {"0022", "0000", "0077"}) {
        make_folder("/run/systemd/system/holmd.service.d");
        write_file("/run/systemd/system/holmd.service.d/umask.conf", fmt::format("[Service]\nUMask={}\n", umask));
        ASSERT_TRUE(succeeds(sh("systemctl daemon-reload && systemctl restart holmd.service")));
        const std::string machine = name("mode");
        define(machine,
               fmt::format("[root]\nlower = [\"{}\"]\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\nstop_signal = \"SIGKILL\"\n",
                           busybox()));
        ASSERT_TRUE(succeeds(holmctl({"start", machine})));
        const std::string now = sh(fmt::format("find /run/holm/machines/{0} /var/lib/holm/machines/{0} -maxdepth 2 -printf '%m %P\\n' | "
                                               "sort; stat -c '%a %n' /run/holm "
                                               "/run/holm/machines /var/lib/holm /var/lib/holm/machines",
                                               machine))
                                    .out;
        if (modes.empty()) modes = now;
        EXPECT_EQ(now, modes) << "umask " << umask;
        Outcome nobody = run({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "ls",
                              "/var/lib/holm/machines/" + machine + "/upper", "/run/holm/machines/" + machine});
        EXPECT_NE(nobody.code, 0);
        EXPECT_EQ(nobody.out, "");
        ASSERT_TRUE(succeeds(holmctl({"stop", machine})));
    }
    sh("rm -r /run/systemd/system/holmd.service.d; systemctl daemon-reload; systemctl restart holmd.service");
}

// What stands in a definition stays a value: none of it is another line of a file that is written of it.
TEST_F(TrustTest, ValuesWithLinesInThemStayValues)
{
    const std::string root = busybox();
    int number = 0;
    for (const std::string& bad :
         std::vector<std::string>{"a\\nExecStopPost=/bin/touch /x", "a\\r\\n[Service]", "a;b", "{}", "a\\\"b", "a,b", "%n%i", "a\\\\"}) {
        const std::string machine = name(fmt::format("line{}", ++number));
        define(machine, fmt::format("description = \"{0}\"\nlabels = {{ tier = \"{0}\" }}\n[root]\npath = \"{1}\"\n[payload]\ncommand = "
                                    "[\"/bin/sleep\", \"1000\"]\nstop_signal = \"SIGKILL\"\nenvironment = {{ A = \"{0}\" }}\n",
                                    bad, root));
        const Outcome started = holmctl({"start", machine});
        if (started.code != 0) {
            EXPECT_TRUE(has(started.err, machine + ".toml:")) << bad;
            continue;
        }
        EXPECT_EQ(unit_property(service_of(machine), "ExecStopPost"), "") << bad;
        EXPECT_FALSE(has(sh("cat /run/systemd/generator/" + service_of(machine) + ".d/*.conf").out, "\nExecStopPost")) << bad;
        const std::string shown(trim(inside(machine, "tr '\\0' '\\n' </proc/1/environ | grep -c '^A='").out));
        EXPECT_TRUE(shown.starts_with("1")) << bad << shown;
        ASSERT_TRUE(succeeds(holmctl({"stop", machine}))) << bad;
    }
    EXPECT_FALSE(exists("/x"));
}

}  // namespace holm::test
