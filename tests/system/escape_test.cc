// Attacks from inside on what holm brings into a machine: its programs, its descriptors, the files that it leaves on disk. Each with a
// canary on the host that must be as it was.
#include <sys/stat.h>

#include <filesystem>

#include "base/text.h"
#include "host.h"

namespace holm::test {

namespace fs = std::filesystem;

class EscapeTest : public SystemTest {
protected:
    // Hash, owner and times of holm's own programs.
    static std::string programs()
    {
        return sh("cd /usr/lib/holm && sha256sum * && stat -c '%n %u %g %a %Y %Z' * /usr/bin/holmctl && sha256sum /usr/bin/holmctl").out;
    }
};

// CVE-2019-5736: whatever joins is opened for writing by its /proc/PID/exe, also as a program that a script names as its interpreter.
TEST_F(EscapeTest, OurProgramsAreNotWrittenTo)
{
    const std::string before = programs();
    for (const char* users : {"auto", "identity", "host"}) {
        std::string root = busybox();
        write_file(root + "/again", "#!/proc/self/exe\n", 0755);
        std::string machine = name();
        ASSERT_TRUE(succeeds(holmctl(
            {"run", "--name=" + machine, "--detach", "--root=" + root, "--network=none", fmt::format("--users={}", users),
             "--capability=CAP_SYS_PTRACE", "--", "/bin/sh", "-c",
             "while :; do for exe in /proc/[0-9]*/exe; do case $(readlink $exe) in /bin/*) ;; *) (: >>$exe) 2>/dev/null && echo $exe "
             ">>/written;; esac; done; done"})));
        for (int i = 0; i < count(200, 20); ++i) {
            inside(machine, "true");
            holmctl({"exec", machine, "--", "/again"});
        }
        EXPECT_FALSE(exists(root + "/written")) << users << ": " << content_of(root + "/written");
        take_away(machine);
    }
    EXPECT_EQ(programs(), before);
}

// Ids on disk are those inside: a program that is set-user-id in a machine would be so on the host, could anybody get at it.
TEST_F(EscapeTest, SetUserIdProgramsOfAMachineAreOutOfReach)
{
    std::string machine = name();
    define(machine, fmt::format("[root]\nlower = [\"{}\"]\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n", busybox()));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    ASSERT_TRUE(succeeds(inside(machine, "cp /bin/busybox /become && chmod 4755 /become")));
    const std::string program = "/var/lib/holm/machines/" + machine + "/upper/become";
    struct stat status;
    ASSERT_EQ(::stat(program.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 04755U);
    Outcome outcome = run({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", program + " id -u"});
    EXPECT_NE(outcome.code, 0) << outcome.out;
    EXPECT_TRUE(has(outcome.err, "ermission denied"));
}

// What a payload starts with: its three descriptors, its own root and folder, nothing of the host's environment.
TEST_F(EscapeTest, NothingIsInherited)
{
    const std::string look = "readlink /proc/1/cwd; env | sort | cut -d= -f1 | tr '\\n' ' '; exec ls /proc/self/fd";
    Outcome outcome = foreground({"/bin/sh", "-c", look});
    EXPECT_EQ(outcome.out, "/\nHOME LOGNAME PATH PWD SHLVL USER container container_uuid 0\n1\n2\n3\n") << "3 is that of the folder";
}

// A socket of the host that a machine could reach: none is mounted, and none is in the abstract namespace of a shared network.
TEST_F(EscapeTest, NoSocketOfTheHostIsInReach)
{
    Outcome outcome =
        foreground({"/bin/sh", "-c", "grep -c '@.*holm' /proc/net/unix; find /run /dev /tmp -type s | sort"}, {"--network=host"});
    EXPECT_EQ(outcome.out, "0\n/run/host/inaccessible/sock\n/run/host/notify\n") << outcome.err;
}

// The host's own /proc by way of a process: root, cwd and descriptors of PID 1 and of what joins lead nowhere but into the machine.
TEST_F(EscapeTest, LinksOfProcessesLeadInside)
{
    std::string machine = background("exec sleep 1000", {"--capability=CAP_SYS_ADMIN", "--capability=CAP_SYS_PTRACE"});
    const std::string secret = folder() + "/canary";
    write_file(secret, "untouched", 0644);
    for (const std::string& way : {std::string("/proc/1/root"), std::string("/proc/1/cwd"), std::string("/proc/self/root"),
                                   std::string("/proc/self/fd/3"), std::string("/proc/1/root/proc/1/root/..")})
        EXPECT_NE(inside(machine, "cat " + way + secret).code, 0) << way;
    EXPECT_EQ(content_of(secret), "untouched");
}

}  // namespace holm::test
