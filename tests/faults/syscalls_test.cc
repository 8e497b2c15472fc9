// A system call of a start fails, by strace(1): the start fails with a sentence and leaves nothing, or it goes another way
// and the payload has not one right more (fail closed).
#include <csignal>

#include "base/text.h"
#include "host.h"

namespace holm::test {

// What a payload can see of its isolation, in lines that are the same for every run.
// Not in them: rlimits, which a host may refuse, and whether a device is a node or a bind of one.
static const char* const evidence =
    "cat /proc/self/uid_map /proc/self/gid_map; grep -E '^(Cap|NoNew|Seccomp|Groups)' /proc/self/status; "
    "awk '{print $5, $6}' /proc/self/mountinfo | grep -vE '^/dev/(null|zero|full|random|urandom|tty) '; "
    "ls -A /dev; id; cat /proc/self/oom_score_adj /proc/self/cgroup; umask; ls /proc/self/fd; ls -A / /run /run/host /tmp; "
    "cat /proc/kcore /proc/keys | head -c 1 | wc -c; ls /sys/class/net";

class SyscallFaultsTest : public SystemTest {
protected:
    Outcome start()
    {
        return holmctl(
            {"run", "--rm", "--name=faulty", "--root=" + root_, "--users=3276800:65536", "--network=none", "--", "/bin/sh", "-c", evidence},
            {}, 30s);
    }
    // A start while `fault` is injected into holmd's children (and holmd, should it make that call).
    Outcome start_with(const std::string& fault)
    {
        int holmd = holmd_pid();
        Process strace({"strace", "-f", "-q", "-p", std::to_string(holmd), "-o", "/dev/null", "-e",
                        "trace=" + fault.substr(0, fault.find(':')), "-e", "inject=" + fault});
        EXPECT_TRUE(eventually([&] {
            return content_of(fmt::format("/proc/{}/status", holmd)).find("TracerPid:\t0\n") == std::string::npos || strace.ended();
        }));
        Outcome outcome = start();
        strace.signal(SIGINT);
        strace.wait(10s);
        EXPECT_TRUE(eventually([] { return !exists("/var/lib/holm/machines/faulty"); }, 3s)) << fault << ": its state is left";
        holmctl({"remove", "faulty"});
        return outcome;
    }
    std::string root_;
};

TEST_F(SyscallFaultsTest, FailClosed)
{
    root_ = busybox();
    adopt("faulty");
    Outcome normal = start();
    ASSERT_TRUE(succeeds(normal));
    ASSERT_GT(normal.out.size(), 500U);
    int holmd = holmd_pid();
    std::vector<std::string> errors =
        long_form() ? std::vector<std::string>{"EPERM", "ENOSYS", "ENOMEM", "EAGAIN", "EINVAL"} : std::vector<std::string>{"EPERM"};
    int refused = 0;
    for (const char* call : {"unshare", "clone3",     "mount",      "open_tree", "move_mount",  "mount_setattr", "fsopen",    "fsconfig",
                             "fsmount", "openat2",    "pivot_root", "umount2",   "setns",       "setresuid",     "setresgid", "setgroups",
                             "capset",  "prctl",      "setrlimit",  "prlimit64", "sethostname", "setsid",        "symlinkat", "mkdirat",
                             "mknodat", "pidfd_open", "seccomp",    "keyctl",    "chdir",       "fchdir",        "execve"})
        for (const std::string& error : errors)
            for (int nth = 1; nth <= count(6, 1); nth++) {
                std::string fault = fmt::format("{}:error={}:when={}", call, error, nth);
                Outcome outcome = start_with(fault);
                if (outcome.code == 0) {
                    EXPECT_EQ(outcome.out, normal.out) << fault << ": less isolation than asked for";
                    continue;
                }
                refused++;
                EXPECT_TRUE(outcome.code == 125 || outcome.code == 126 || outcome.code == 127)
                    << fault << ": " << testing::PrintToString(outcome);
                EXPECT_TRUE(refuses(outcome, outcome.code, "faulty")) << fault;
                EXPECT_TRUE(eventually([] { return state_of("faulty").empty() && unit_state("holm-faulty.scope") != "active"; }))
                    << fault << ": " << state_of("faulty");
            }
    EXPECT_GT(refused, 5) << "hardly a fault was met";
    EXPECT_EQ(holmd_pid(), holmd);
    EXPECT_TRUE(succeeds(start()));
}

}  // namespace holm::test
