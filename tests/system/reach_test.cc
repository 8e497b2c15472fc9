// How far a hostile root of a machine reaches: into the host's files by what it exchanges while holm works, into the kernel by what a
// payload's profile must cut off, into holm's own processes by what it puts in their way. Each with a canary on the host.
#include <chrono>
#include <csignal>
#include <filesystem>

#include "base/text.h"
#include "host.h"

namespace holm::test {

namespace fs = std::filesystem;

class ReachTest : public SystemTest {
protected:
    std::string canary()
    {
        std::string path = folder() + "/canary";
        for (const char* below : {"", "/pts", "/shm", "/host", "/deep", "/sys", "/fs"}) make_folder(path + below);
        write_file(path + "/file", "untouched\n");
        write_file(path + "/null", "untouched\n");
        write_file(path + "/passwd", "root:x:0:0:canary:/:/bin/sh\nalice:x:0:0:canary:/:/bin/sh\n");
        return path;
    }
    static std::string look(const std::string& path)
    {
        return sh("cd " + path + " && find . -printf '%p %U:%G %m %T@ %y %l\\n' | sort; cat file null passwd").out;
    }
    static std::string mounts() { return sh("cut -d' ' -f5 /proc/1/mountinfo | sort").out; }

    // Exchanges ROOT/AT with a link to the canary, for ever, as a second machine with the same root could.
    static std::vector<std::string> exchanger(const std::string& root, const std::string& at, const std::string& target)
    {
        return {"python3", "-c", R"py(
import ctypes, os, sys
libc = ctypes.CDLL(None)
place, target = sys.argv[1:]
os.makedirs(os.path.dirname(place), exist_ok=True)
try: os.mkdir(place)
except FileExistsError: pass  # or the machine has just made it
os.symlink(target, place + '.link')
print('go', flush=True)
while True:
    libc.renameat2(-100, place.encode(), -100, (place + '.link').encode(), 2)
)py",
                root + "/" + at, target};
    }
};

// CVE-2025-31133, -52565, -52881, CVE-2026-41579: the folders in which holm makes devices, mounts and files, and those of which it reads.
TEST_F(ReachTest, ExchangedFoldersNeverReachTheHost)
{
    const std::string target = canary(), before = look(target), mounted = mounts();
    const auto time = std::chrono::seconds(long_form() ? 60 : 3);
    for (const auto& [at, canary] : {std::pair<std::string, std::string>{"dev", target},
                                     {"proc", target},
                                     {"sys", target},
                                     {"run", target},
                                     {"etc", target},
                                     {"tmp", target},
                                     {"srv", target},
                                     {"etc/passwd", target + "/passwd"}}) {
        std::string root = busybox();
        Process exchange(exchanger(root, at, canary));
        ASSERT_TRUE(exchange.expect("go"));
        int started = 0, refused = 0;
        const auto end = std::chrono::steady_clock::now() + time / (long_form() ? 1 : 2);
        while (std::chrono::steady_clock::now() < end) {
            Outcome outcome = holmctl({"run", "--rm", "--name=" + name(), "--root=" + root, "--network=none", "--tmpfs=/srv/deep/er",
                                       "--bind=/usr/share:/srv/share", "--", "/bin/sh", "-c", "touch /srv/x /tmp/x /run/x /dev/x; exit 0"});
            EXPECT_TRUE(outcome.code == 0 || outcome.code == 125 || outcome.code == 127) << at << ": " << testing::PrintToString(outcome);
            ++(outcome.code == 0 ? started : refused);
        }
        exchange.signal(SIGKILL);
        exchange.wait(5s);
        EXPECT_GT(started + refused, 0);
        EXPECT_EQ(look(target), before) << at << ": " << started << " started, " << refused << " were refused";
        EXPECT_EQ(mounts(), mounted) << at;
    }
}

// CVE-2018-15664, CVE-2019-10152: the same under what goes in and out of a machine that runs, which itself does the exchanging.
TEST_F(ReachTest, ExchangedTargetsOfJoinersNeverReachTheHost)
{
    const std::string target = canary(), before = look(target), mounted = mounts(), file = folder() + "/given";
    write_file(file, "given\n");
    std::string machine = background("mkdir -p /srv/race/d; cd /srv/race; ln -s " + target +
                                     " l; while :; do mv -T d x; mv -T l d; mv -T d l; mv -T x d; done");
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(long_form() ? 60 : 3);
    int rounds = 0;
    for (; std::chrono::steady_clock::now() < end; ++rounds) {
        holmctl({"exec", "--workdir=/srv/race/d", machine, "--", "/bin/touch", "here"});
        holmctl({"bind", "--mkdir", machine, folder() + "/canary/deep", "/srv/race/d/deep"});
        holmctl({"unbind", machine, "/srv/race/d/deep"});
        holmctl({"copy-to", "--force", machine, file, "/srv/race/d/given"});
    }
    EXPECT_GT(rounds, 0);
    EXPECT_EQ(look(target), before) << rounds << " rounds";
    EXPECT_EQ(mounts(), mounted);
}

// CVE-2024-23651, CVE-2024-23652: what is taken away at the end (stubs of mounts, an upper that is not kept, a machine with all it has)
// while the machine itself, or who shares its folders, exchanges that with links to the host.
TEST_F(ReachTest, WhatIsTakenAwayIsNeverTheHosts)
{
    const std::string target = canary(), before = look(target), mounted = mounts();
    for (int i = 0; i < count(100, 4); ++i) {
        const std::string machine = name(), upper = "/var/lib/holm/machines/" + machine + "/upper";
        define(machine,
               fmt::format("[root]\nlower = [\"{}\"]\n[payload]\ncommand = [\"/bin/sh\", \"-c\", \"mkdir -p /t/d/deep; cd /t; ln -s "
                           "{} l; while :; do mv -T d x; mv -T l d; mv -T d l; mv -T x d; done\"]\nstop_signal = \"SIGKILL\"\n"
                           "[[network]]\nnetwork = \"none\"\n[[mount]]\ntype = \"bind\"\nsource = \"{}\"\ntarget = \"/t/d/stub\"\n",
                           busybox(), target, folder() + "/canary/deep"));
        ASSERT_TRUE(succeeds(holmctl({"start", machine})));
        Process exchange(exchanger(upper, "t/d", target));
        ASSERT_TRUE(exchange.expect("go"));
        EXPECT_TRUE(succeeds(holmctl({i % 2 ? "stop" : "terminate", machine})));
        EXPECT_TRUE(wait_for_state(machine, "stopped"));
        Outcome removed = holmctl({"remove", machine});
        exchange.signal(SIGKILL);
        exchange.wait(5s);
        if (removed.code != 0) {  // what is put back as fast as it is removed
            EXPECT_TRUE(has(removed.err, machine));
            sh("rm -rf --one-file-system /var/lib/holm/machines/" + machine);
        }
        EXPECT_EQ(look(target), before) << "round " << i;
    }
    EXPECT_EQ(mounts(), mounted);
}

// The ways into the kernel that have no namespace: refused, and what they would change is as it was.
TEST_F(ReachTest, TheKernelsOwnSettingsAreOutOfReach)
{
    const std::string files =
        "/proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sys/kernel/hotplug /sys/kernel/uevent_helper "
        "/proc/sys/vm/overcommit_memory /proc/sys/fs/binfmt_misc/register /proc/sys/kernel/sysrq";
    auto settings = [&] { return sh("cat " + files + " 2>/dev/null; true").out; };
    const std::string before = settings();
    std::string machine = boot();
    Outcome written =
        inside(machine, "for f in " + files +
                            " /proc/sysrq-trigger; do for by in '' /proc/1/root /proc/self/root; do "
                            "( echo '|/tmp/x' >$by$f ) 2>/dev/null && echo written $by$f; done; done; "
                            "exec 3</proc/sys/kernel/core_pattern; ( echo x >/proc/self/fd/3 ) 2>/dev/null && echo written by descriptor; "
                            "mkdir -p /mnt/p; mount -t proc proc /mnt/p 2>/dev/null && ( echo x >/mnt/p/sys/kernel/core_pattern ) "
                            "2>/dev/null && echo written by a fresh proc; exit 0");
    EXPECT_TRUE(succeeds(written));
    EXPECT_EQ(written.out, "");
    // CVE-2022-0492: cgroup v1 and its release_agent. Hierarchies that the host has can be looked at, and no more.
    EXPECT_EQ(inside(machine,
                     "mkdir -p /mnt/c; for c in rdma misc memory devices pids cpu; do mount -t cgroup -o $c cgroup /mnt/c 2>/dev/null "
                     "|| continue; for f in release_agent notify_on_release tasks cgroup.procs memory.limit_in_bytes; do "
                     "( echo 0 >/mnt/c/$f ) 2>/dev/null && echo written $c $f; done; mkdir /mnt/c/x 2>/dev/null && echo made $c; "
                     "umount /mnt/c; done; mount -t cgroup -o none,name=own cgroup /mnt/c 2>/dev/null && echo a hierarchy; exit 0")
                  .out,
              "");
    // CVE-2023-25809: the limits of its own unit are not its own.
    EXPECT_NE(inside(machine, "cat /sys/fs/cgroup/cgroup.type >/dev/null; echo max >/sys/fs/cgroup/../memory.max").code, 0);
    EXPECT_EQ(inside(machine, "ls -d /sys/fs/cgroup/../holm-* 2>/dev/null; exit 0").out, "");
    EXPECT_EQ(settings(), before);
}

// By number, as a program would that no libc stands in the way of; the tables of privileges_test have the rest.
TEST_F(ReachTest, CallsThatLedOutAreRefused)
{
    std::string machine = boot();
    const std::string perl = R"pl(
my $buffer = "\0" x 256;
sub answer { my ($name, $number, @rest) = @_; $! = 0; my $done = syscall($number, @rest); print "$name ", ($done == -1 ? $!+0 : "done"), "\n"; }
answer("open_by_handle_at", 304, -100, $buffer, 0);
answer("perf_event_open", 298, $buffer, 0, -1, -1, 0);
answer("bpf", 321, 0, $buffer, 64);
answer("userfaultfd", 323, 0);
answer("io_uring_setup", 425, 1, $buffer);
answer("kexec_load", 246, 0, 0, $buffer, 0);
answer("init_module", 175, $buffer, 0, $buffer);
answer("add_key", 248, $buffer, $buffer, $buffer, 1, -3);
answer("AF_ALG", 41, 38, 5, 0);
answer("AF_VSOCK", 41, 40, 1, 0);
)pl";
    write_file(folder() + "/calls.pl", perl);
    ASSERT_TRUE(succeeds(holmctl({"copy-to", machine, folder() + "/calls.pl", "/root/calls.pl"})));
    EXPECT_EQ(inside(machine, "perl /root/calls.pl").out,
              "open_by_handle_at 1\nperf_event_open 1\nbpf 1\nuserfaultfd 1\nio_uring_setup 1\nkexec_load 1\ninit_module 1\nadd_key 1\n"
              "AF_ALG 97\nAF_VSOCK 97\n");
}

// CVE-2017-5226, CVE-2016-10124: what is typed into the terminal from inside, also with a bit that the kernel does not look at.
TEST_F(ReachTest, NothingIsTypedForTheCaller)
{
    std::string machine = boot();
    write_file(folder() + "/type.pl", R"pl(
for my $request (0x5412, 0x541C, 0x100005412, 0x10000541C) {
    for my $fd (0 .. 2) { my $byte = "X"; $! = 0; my $done = syscall(16, $fd, $request, $byte); print "$request ", ($done == -1 ? $!+0 : "done"), "\n"; }
}
)pl");
    ASSERT_TRUE(succeeds(holmctl({"copy-to", machine, folder() + "/type.pl", "/root/type.pl"})));
    for (const std::string& verb : {"exec " + machine + " --", "shell " + machine,
                                    "run --rm --name=" + name() + " --network=none --ephemeral --lower=" + guest() + " --bind=" + folder() +
                                        "/type.pl:/root/type.pl:ro --"}) {
        Process caller({"bash", "-c", "holmctl " + verb + " /usr/bin/perl /root/type.pl; read -t 1 -n 1 typed; echo got=[$typed]"},
                       {.stdio = Stdio::Terminal});
        Outcome outcome = caller.wait(60s);
        EXPECT_TRUE(has(outcome.out, "got=[]")) << verb;
        EXPECT_TRUE(has(outcome.out, "21522 1")) << verb;
        EXPECT_FALSE(outcome.out.contains("done")) << verb << ": " << outcome.out;
    }
}

// CVE-2019-14271, CVE-2022-1227: libraries and programs of the machine that something of holm could load or run. A fifo in the place of a
// file makes whoever reads it wait for ever.
TEST_F(ReachTest, NothingOfTheMachineIsLoadedOrRunByHolm)
{
    std::string root = busybox(), machine = name();
    for (const char* folder : {"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/usr/bin", "/usr/sbin", "/etc"})
        make_folder(root + folder);
    for (const char* file : {"/lib/x86_64-linux-gnu/libnss_files.so.2", "/lib/x86_64-linux-gnu/libnss_systemd.so.2",
                             "/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/x86_64-linux-gnu/libnss_compat.so.2", "/etc/nsswitch.conf",
                             "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/localtime"}) {
        fs::remove(root + file);
        ASSERT_TRUE(succeeds(run({"mkfifo", root + file})));
    }
    for (const char* program : {"nsenter", "tar", "gzip", "xz", "zstd", "ps", "mount", "holm-setup", "systemd-creds", "getent"}) {
        fs::remove(root + "/usr/bin/" + program);  // it may be a link to what all programs of the root are
        write_file(root + "/usr/bin/" + program, "#!/bin/sh\necho $0 >>/ran\n", 0755);
    }
    write_file(root + "/etc/passwd", "root:x:0:0::/:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n");
    ASSERT_TRUE(succeeds(holmctl({"run", "--detach", "--name=" + machine, "--root=" + root, "--network=none", "--env=PATH=/usr/bin:/bin",
                                  "--", "/bin/sleep", "1000"},
                                 {}, 20s)));
    const std::string given = folder() + "/given";
    write_file(given, "given\n");
    for (const std::vector<std::string>& verb : {std::vector<std::string>{"exec", "--user=alice", machine, "--", "/bin/id"},
                                                 {"copy-to", machine, given, "/given"},
                                                 {"copy-from", machine, "/given", folder() + "/taken"},
                                                 {"bind", "--mkdir", machine, folder(), "/mnt/bound"},
                                                 {"unbind", machine, "/mnt/bound"},
                                                 {"status", machine},
                                                 {"shell", machine, "/bin/true"}})
        EXPECT_TRUE(succeeds(holmctl(verb, {}, 20s))) << verb[0];
    EXPECT_FALSE(exists(root + "/ran")) << content_of(root + "/ran");
}

}  // namespace holm::test
