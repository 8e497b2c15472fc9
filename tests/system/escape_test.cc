// Attacks from inside on what holm brings into a machine: its programs, its descriptors, the files that it leaves on disk. Each with a
// canary on the host that must be as it was.
#include <sys/stat.h>

#include <csignal>
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
    // Starts holmd anew, with a variable of its own or without.
    static void restart_holmd(bool with_secret)
    {
        const std::string folder = "/run/systemd/system/holmd.service.d";
        if (with_secret) {
            make_folder(folder);
            write_file(folder + "/secret.conf", "[Service]\nEnvironment=SECRET_OF_HOLMD=1 LD_BIND_NOW=1\n");
        } else fs::remove_all(folder);
        EXPECT_TRUE(succeeds(sh("systemctl daemon-reload && systemctl restart holmd.service")));
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

// CVE-2021-3493, CVE-2023-0386: what an overlay that the machine mounts itself copies up with its set-user-id bit or its capabilities is
// the machine's, whoever looks from outside.
TEST_F(EscapeTest, ProgramsOfAnOverlayOfItsOwnAreOutOfReach)
{
    const std::string machine = boot();
    const Outcome made = inside(machine, R"sh(
set -e
mkdir /run/own && mount -t tmpfs -o size=16m,mode=755 own /run/own && cd /run/own && mkdir l u w m
cp /usr/bin/id l/become && chmod 4755 l/become
cp /usr/bin/id l/capable
perl -e 'my ($at, $key, $caps) = ("l/capable", "security.capability", pack("V5", 0x02000001, ~0 & 0xffffffff, 0, 0x1ff, 0)); syscall(188, $at, $key, $caps, 20, 0) == 0 or die $!'
mount -t overlay -o lowerdir=l,upperdir=u,workdir=w,userxattr own m
touch m/become m/capable; chmod g+w m/become m/capable
stat -c '%a %u' m/become u/become
useradd -M -u 2000 layers && install -d -o layers layers
su layers -c 'cd /run/own/layers && mkdir l u w m && cp /usr/bin/id l/become && chmod 4755 l/become && unshare -Urm sh -c "mount -t overlay -o lowerdir=l,upperdir=u,workdir=w,userxattr own m && chmod 4775 m/become"' >&2 || echo refused
)sh");
    ASSERT_TRUE(succeeds(made));
    EXPECT_TRUE(has(made.out, "4775 0\n4775 0\n"));
    const std::string ids = sh(fmt::format("awk '{{ printf $2 }}' /proc/{}/uid_map", leader_of(machine))).out;
    const Outcome seen = run({"python3", "-c", R"py(
import os, struct, subprocess, sys
root, first = sys.argv[1], int(sys.argv[2])
mine = range(first, first + 65536)
programs = 0
for folder in ('/run/own/l', '/run/own/u', '/run/own/m', '/run/own/layers/l', '/run/own/layers/u'):
    for name in ('become', 'capable'):
        path = f'{root}{folder}/{name}'
        if not os.path.exists(path): continue
        programs += 1
        status = os.lstat(path)
        if status.st_uid not in mine or status.st_gid not in mine: print(path, 'belongs to', status.st_uid)
        try: caps = os.getxattr(path, 'security.capability')
        except OSError: caps = b''
        if name == 'capable' and folder != '/run/own/m' and (len(caps) != 24 or struct.unpack('<I', caps[20:])[0] not in mine):
            print(path, 'has capabilities', caps.hex())
        ran = subprocess.run(['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', 'sh', '-c', path + ' -u'], capture_output=True, text=True)
        if ran.returncode == 0: print(path, 'ran as', ran.stdout)
print(programs)
)py",
                              fmt::format("/proc/{}/root", leader_of(machine)), ids});
    EXPECT_TRUE(succeeds(seen));
    EXPECT_EQ(seen.out, made.out.ends_with("refused\n") ? "7\n" : "8\n");
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

// CVE-2025-31133, CVE-2025-52565: what the root has for /dev/null and /dev/console, exchanged all the time with links to the host, neither
// covers a file of the kernel nor becomes the console.
TEST_F(EscapeTest, DevicesOfTheRootAreNotUsed)
{
    const std::string canary = folder() + "/canary", look = "stat -c '%A %u %s %Y %Z' " + canary + "; cat " + canary;
    write_file(canary, "untouched\n");
    const std::string before = sh(look).out, root = busybox();
    make_folder(root + "/dev/pts");
    Process exchange({"python3", "-c", R"py(
import ctypes, os, sys
libc = ctypes.CDLL(None)
dev, target = sys.argv[1:]
names = ['null', 'console', 'ptmx', 'pts/0', 'pts/ptmx', 'tty']
for name in names:
    open(f'{dev}/{name}', 'w').close()
    os.symlink(target, f'{dev}/{name}.link')
print('go', flush=True)
while True:
    for name in names: libc.renameat2(-100, f'{dev}/{name}'.encode(), -100, f'{dev}/{name}.link'.encode(), 2)
)py",
                      root + "/dev", canary});
    ASSERT_TRUE(exchange.expect("go"));
    for (int i = 0; i < count(200, 8); ++i) {
        const std::string machine = name();
        ASSERT_TRUE(
            succeeds(holmctl({"run", "--detach", "--name=" + machine, "--root=" + root, "--network=none", "--", "/bin/sleep", "1000"})));
        // Looked at by the host, below the root of a process of the machine.
        const std::string inside = fmt::format("/proc/{}/root", leader_of(machine));
        const Outcome seen =
            sh(fmt::format("cd {} && stat -c '%n %t:%T' dev/null && stat -c %d dev/console dev/pts | sort -u | wc -l && "
                           "stat -c '%F %t' dev/console && stat -c '%n %F %s' proc/keys proc/timer_list && "
                           "cat proc/keys proc/timer_list",
                           inside));
        EXPECT_EQ(seen.out,
                  "dev/null 1:3\n1\ncharacter special file 88\nproc/keys regular empty file 0\nproc/timer_list regular empty file 0\n")
            << seen.err;
        take_away(machine);
    }
    exchange.signal(SIGKILL);
    exchange.wait(5s);
    EXPECT_EQ(sh(look).out, before);
}

// CVE-2020-14370, CVE-2024-0132: nothing of the environment of holmd, of who calls it or of another machine; and what works for holm has
// one of its own.
TEST_F(EscapeTest, NoEnvironmentButTheMachinesOwn)
{
    restart_holmd(true);
    const std::string other = name("other"), machine = name(), service = name("unit");
    ASSERT_TRUE(succeeds(holmctl({"run", "--detach", "--name=" + other, "--root=" + busybox(), "--network=none", "--env=OF_ANOTHER=1", "--",
                                  "/bin/sleep", "1000"})));
    ASSERT_TRUE(succeeds(run({"env", "SECRET_OF_CALLER=1", "holmctl", "run", "--detach", "--name=" + machine, "--root=" + busybox(),
                              "--network=none", "--", "/bin/sleep", "1000"})));
    define(service, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n[[network]]\nnetwork = \"none\"\n",
                                busybox()));
    ASSERT_TRUE(succeeds(run({"env", "SECRET_OF_CALLER=1", "holmctl", "start", service})));
    for (const std::string& one : {machine, service}) {
        std::string seen = sh(fmt::format("tr '\\0' '\\n' </proc/{}/environ", leader_of(one))).out;
        for (const std::vector<std::string>& verb : {std::vector<std::string>{"exec", one, "--", "/bin/env"},
                                                     {"shell", one, "/bin/env"},
                                                     {"exec", "--user=1000", one, "--", "/bin/env"}}) {
            std::vector<std::string> words = {"env", "SECRET_OF_CALLER=1", "holmctl"};
            words.insert(words.end(), verb.begin(), verb.end());
            const Outcome shown = run(words);
            EXPECT_TRUE(succeeds(shown)) << verb[0];
            seen += shown.out;
        }
        EXPECT_TRUE(has(seen, "container=holm\n"));
        for (const char* word : {"SECRET_OF", "OF_ANOTHER", "LD_BIND_NOW", "INVOCATION_ID", "NOTIFY_SOCKET", "JOURNAL_STREAM", "LISTEN_"})
            EXPECT_FALSE(seen.contains(word)) << word << ":\n" << seen;
    }
    for (const char* bad : {"A", "=x", "*", "A B", ""})
        EXPECT_FALSE(succeeds(holmctl({"exec", fmt::format("--env={}", bad), machine, "--", "/bin/true"}))) << bad;
    restart_holmd(false);
}

// CVE-2022-2989 and its family: who has none, one or many groups in the machine has them by exec and shell, and no other.
TEST_F(EscapeTest, GroupsAreThoseOfTheMachinesOwnLogin)
{
    const std::string machine = boot();
    ASSERT_TRUE(succeeds(inside(machine,
                                "for n in $(seq 17); do groupadd -g $((5000 + n)) team$n; teams=$teams,team$n; done; "
                                "useradd -M -u 2000 none && useradd -M -u 2001 -G team1 one && useradd -M -u 2002 -G ${teams#,} many")));
    for (const char* user : {"none", "one", "many", "root"}) {
        const std::string groups = "id -G | tr ' ' '\\n' | sort -n | tr '\\n' ' '";
        const std::string own = inside(machine, fmt::format("su -s /bin/sh {} -c \"{}\"", user, groups)).out;
        EXPECT_FALSE(own.empty());
        EXPECT_EQ(holmctl({"exec", fmt::format("--user={}", user), machine, "--", "/bin/sh", "-c", groups}).out, own) << user;
        EXPECT_EQ(holmctl({"shell", fmt::format("{}@{}", user, machine), "/bin/sh", "-c", groups}).out, own) << user;
    }
    // A file that one's group may not read.
    ASSERT_TRUE(succeeds(inside(machine, "echo x >/srv/file && chgrp team1 /srv/file && chmod 604 /srv/file")));
    EXPECT_NE(holmctl({"exec", "--user=one", machine, "--", "cat", "/srv/file"}).code, 0);
    EXPECT_EQ(holmctl({"exec", "--user=none", machine, "--", "cat", "/srv/file"}).code, 0);
}

}  // namespace holm::test
