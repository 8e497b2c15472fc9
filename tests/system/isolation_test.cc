// What a machine sees and may, and that nothing it names leads to the host. Further attacks: security.md's rows have a test of
// their own in the suites of the folder they belong to.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <set>

#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "host.h"

namespace holm::test {

namespace fs = std::filesystem;

class IsolationTest : public SystemTest {
protected:
    // A folder outside with a file in it, and what it looks like.
    std::string canary()
    {
        std::string path = folder() + "/canary";
        make_folder(path);
        write_file(path + "/file", "untouched");
        return path;
    }
    static std::string look(const std::string& path)
    {
        return sh("cd " + path + " && find . -printf '%p %U:%G %m %T@ %y %l\\n' | sort; cat file").out;
    }
};

TEST_F(IsolationTest, EveryNamespaceIsItsOwn)
{
    std::string machine = background();
    int leader = leader_of(machine);
    ASSERT_GT(leader, 1);
    for (const char* kind : {"mnt", "pid", "uts", "ipc", "net", "cgroup", "user"}) {
        auto of = [&](int pid) { return fs::read_symlink(fmt::format("/proc/{}/ns/{}", pid, kind)).string(); };
        EXPECT_NE(of(leader), of(1)) << kind;
    }
    EXPECT_EQ(trim(inside(machine, "ls /sys/class/net").out), "eth0\nlo");
    EXPECT_EQ(trim(inside(machine, "ip -o link show lo | grep -c LOWER_UP").out), "1");
    EXPECT_TRUE(has("\n" + inside(machine, "cat /proc/1/cgroup").out, "\n0::/\n"));
    EXPECT_TRUE(has(content_of(fmt::format("/proc/{}/cgroup", leader)), scope_of(machine) + "/payload"));
}

TEST_F(IsolationTest, HostNetworkOnlyWhereAsked)
{
    Outcome outcome = foreground({"/bin/sh", "-c", "readlink /proc/self/ns/net"}, {"--network=host"});
    EXPECT_EQ(trim(outcome.out), fs::read_symlink("/proc/self/ns/net").string());
}

TEST_F(IsolationTest, RangesAreDistinctAndForeignOnes)
{
    std::set<std::string> bases;
    for (int i = 0; i < 5; i++) {
        std::string map = content_of(fmt::format("/proc/{}/uid_map", leader_of(background())));
        auto fields = split(trim(map), ' ');
        std::erase_if(fields, [](std::string_view field) { return field.empty(); });
        ASSERT_EQ(fields.size(), 3U) << map;
        EXPECT_EQ(fields[0], "0");
        EXPECT_EQ(fields[2], "65536");
        EXPECT_EQ(parse_number(fields[1]).value_or(1) % 65536, 0U) << map;
        EXPECT_GE(parse_number(fields[1]).value_or(0), 65536U);
        EXPECT_TRUE(bases.insert(std::string(fields[1])).second) << "a range is used twice: " << fields[1];
    }
    for (std::string_view line : split(content_of("/etc/subuid"), '\n')) {
        auto fields = split(line, ':');
        if (fields.size() != 3) continue;
        uint64_t first = parse_number(fields[1]).value_or(0), last = first + parse_number(fields[2]).value_or(0);
        for (const std::string& base : bases)
            EXPECT_FALSE(std::stoull(base) < last && first < std::stoull(base) + 65536) << line << " meets " << base;
    }
}

TEST_F(IsolationTest, UsersByTheirKinds)
{
    auto map = [&](const std::string& users) {
        return foreground({"/bin/sh", "-c", "tr -s ' ' </proc/self/uid_map"}, {"--users=" + users}).out;
    };
    EXPECT_EQ(trim(map("1310720:65536")), "0 1310720 65536");
    EXPECT_EQ(trim(map("identity")).substr(0, 4), "0 0 ");
    EXPECT_EQ(trim(map("host")), "0 0 4294967295");
}

// What holm mounted outside is locked: no option of it goes away, and none of it.
TEST_F(IsolationTest, MountsOfHolmAreLocked)
{
    std::string shared = canary(), before = look(shared);
    std::string machine = background("exec sleep 1000", {"--bind=" + shared + ":/shared:ro", "--capability=CAP_SYS_ADMIN"});
    for (const char* attack : {"mount -o remount,rw,bind /shared", "mount -o remount,rw /shared", "umount /shared", "umount -l /shared",
                               "mount -o remount,rw,bind /proc/sys && : >>/proc/sys/kernel/core_pattern", "umount /proc/sys",
                               "umount -l /proc/kcore", "umount -l /proc/sysrq-trigger", "mount -o remount,dev,bind /", "umount -l /dev"})
        EXPECT_NE(inside(machine, attack).code, 0) << attack;
    EXPECT_FALSE(succeeds(inside(machine, "touch /shared/new")));
    EXPECT_FALSE(
        succeeds(inside(machine, "mkdir /again && mount -o bind /shared /again && mount -o remount,rw,bind /again && touch /again/new")));
    EXPECT_FALSE(succeeds(inside(machine, "unshare -m sh -c 'mount -o remount,rw,bind /shared && touch /shared/new'")));
    EXPECT_EQ(look(shared), before);
}

// The same of /proc and /sys, by the root of a machine that boots: of its own range of users, and of the host's users in a namespace.
TEST_F(IsolationTest, CoversOfKernelFilesAreLocked)
{
    for (const char* users : {"auto", "identity"}) {
        std::string machine = boot({fmt::format("--users={}", users)});
        Outcome done = inside(machine,
                              "grep -E ' /(proc|sys)[/ ]' /proc/self/mountinfo | grep -v ' /sys/fs/cgroup ' | cut -d' ' -f5 >/tmp/paths; "
                              "wc -l </tmp/paths; for path in $(cat /tmp/paths); do umount -l $path 2>/dev/null && echo detached $path; "
                              "case $path in /proc|/proc/sys/net) continue;; esac; "
                              "mount -o remount,bind,rw $path 2>/dev/null && echo writable $path; done; "
                              "mkdir /tmp/m; mount -t proc proc /tmp/m 2>/dev/null && echo fresh proc; "
                              "mount -t sysfs sysfs /tmp/m 2>/dev/null && echo fresh sysfs; "
                              "sh -c ': >>/proc/sys/kernel/core_pattern' 2>/dev/null && echo pattern; true");
        EXPECT_TRUE(succeeds(done));
        auto lines = split(trim(done.out), '\n');
        EXPECT_GT(parse_number(lines[0]).value_or(0), 20U);
        EXPECT_EQ(lines.size(), 1U) << users << ":\n" << done.out;
    }
}

TEST_F(IsolationTest, TheKernelsFilesAreMaskedOrReadOnly)
{
    std::string machine = background("exec sleep 1000", {"--capability=CAP_SYS_ADMIN"});
    for (const char* file :
         {"/proc/kcore", "/proc/keys", "/proc/kallsyms", "/proc/timer_list", "/proc/sysrq-trigger", "/proc/kmsg", "/proc/kpagecount",
          "/proc/kpageflags", "/proc/vmallocinfo", "/proc/slabinfo", "/proc/modules", "/proc/iomem", "/proc/ioports", "/proc/interrupts"})
        EXPECT_EQ(trim(inside(machine, fmt::format("head -c 1 {} 2>/dev/null | wc -c", file)).out), "0") << file;
    for (const char* folder : {"/sys/firmware", "/sys/kernel/debug", "/sys/kernel/tracing", "/sys/kernel/security",
                               "/sys/devices/virtual/powercap", "/proc/acpi", "/proc/scsi"})
        EXPECT_EQ(inside(machine, fmt::format("ls -A {} 2>/dev/null", folder)).out, "") << folder;
    // Opened for writing, never written: where it were possible it would be the host's.
    for (const char* file : {"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/vm/drop_caches",
                             "/proc/sys/fs/binfmt_misc/register", "/proc/sysrq-trigger", "/sys/kernel/uevent_helper", "/sys/power/state",
                             "/proc/irq/default_smp_affinity", "/proc/bus/pci/00/00.0"})
        EXPECT_NE(inside(machine, fmt::format(": >>{0} || : >>/proc/1/root{0}", file)).code, 0) << file;
    EXPECT_NE(inside(machine, "mkdir /c && mount -t cgroup none /c -o memory && : >>/c/release_agent").code, 0);
    EXPECT_NE(inside(machine, ": >>/sys/fs/cgroup/memory.max").code, 0) << "limits belong on the unit above";
    EXPECT_TRUE(succeeds(inside(machine, "mkdir /sys/fs/cgroup/own && rmdir /sys/fs/cgroup/own"))) << "the subtree is delegated";
}

// A fresh procfs or sysfs without the masks must not be had in a nested user namespace.
TEST_F(IsolationTest, NoUnmaskedProcInANestedNamespace)
{
    std::string machine = background();
    EXPECT_NE(
        inside(machine, "unshare -Urmpf sh -c 'mkdir -p /tmp/p && mount -t proc proc /tmp/p && head -c 1 /tmp/p/kallsyms | grep .'").code,
        0);
}

TEST_F(IsolationTest, DevicesAreTheDefaultList)
{
    std::string machine = background("exec sleep 1000", {"--capability=CAP_MKNOD"});
    std::string listed = inside(machine, "cd /dev && ls -A | sort | tr '\\n' ' '").out;
    EXPECT_EQ(listed, "console core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero ")
        << "see the man page's list";
    EXPECT_TRUE(succeeds(inside(
        machine, "echo x >/dev/null && head -c 1 /dev/zero >/dev/null && head -c 1 /dev/urandom >/dev/null && ! echo x >/dev/full")));
    EXPECT_NE(inside(machine, "mknod /dev/sda b 8 0").code, 0);
    EXPECT_NE(inside(machine, "mknod /dev/mem2 c 1 1 && head -c 1 /dev/mem2").code, 0);
    EXPECT_TRUE(succeeds(inside(machine, "mount | grep ' / ' | grep -q nodev"))) << inside(machine, "mount").out;
}

static uint64_t bits(std::initializer_list<int> numbers)
{
    uint64_t set = 0;
    for (int number : numbers) set |= 1ULL << number;
    return set;
}

// Numbers of linux/capability.h. A command: podman's list less SETFCAP; a boot: nspawn's less AUDIT_CONTROL, MKNOD,
// LINUX_IMMUTABLE, with NET_ADMIN and NET_BROADCAST in its own network.
TEST_F(IsolationTest, CapabilitySetsAreTheDefaults)
{
    uint64_t command = bits({0, 1, 3, 4, 5, 6, 7, 8, 10, 18});
    uint64_t boot_set = bits({0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 15, 18, 19, 21, 22, 23, 24, 26, 28, 29, 31});
    int pid = leader_of(background());
    for (const char* set : {"CapBnd", "CapPrm", "CapEff"}) EXPECT_EQ(status_line(pid, set), fmt::format("{:016x}", command)) << set;
    for (const char* set : {"CapInh", "CapAmb"}) EXPECT_EQ(status_line(pid, set), "0000000000000000") << set;
    EXPECT_EQ(status_line(pid, "NoNewPrivs"), "1");
    pid = leader_of(boot());
    for (const char* set : {"CapBnd", "CapPrm", "CapEff"}) EXPECT_EQ(status_line(pid, set), fmt::format("{:016x}", boot_set)) << set;
    EXPECT_EQ(status_line(pid, "CapInh"), "0000000000000000");
    EXPECT_EQ(status_line(pid, "NoNewPrivs"), "0");
    pid = leader_of(background("exec sleep 1000", {"--capability=CAP_NET_ADMIN"}));
    EXPECT_EQ(status_line(pid, "CapBnd"), fmt::format("{:016x}", command | bits({12})));
}

// Roots whose own folders are links to the host (CVE-2026-41579 and its kin): refused, or all of it stays inside.
TEST_F(IsolationTest, LinksInTheRootNeverReachTheHost)
{
    std::string target = canary(), before = look(target);
    for (const char* at :
         {"dev", "proc", "sys", "run", "tmp", "etc", "var", "dev/pts", "dev/shm", "run/host", "sys/fs/cgroup", "proc/sys", "root", "mnt"})
        for (const std::string& link : {target, std::string("../../../../../..") + target, std::string("/hop")}) {
            std::string root = busybox(), place = root + "/" + at, machine = name();
            fs::remove_all(place);
            fs::create_directories(fs::path(place).parent_path());
            fs::create_symlink(link, place);
            fs::create_symlink(target, root + "/hop");
            Outcome outcome =
                holmctl({"run", "--rm", "--name=" + machine, "--root=" + root, "--tmpfs=/mnt/t", "--bind=/etc/os-release:/root/os-release",
                         "--", "/bin/sh", "-c", "touch /dev/x /run/x /tmp/x /etc/x /var/x /root/x; ls /dev/pts; exit 0"});
            EXPECT_TRUE(outcome.code == 0 || outcome.code == 125 || outcome.code == 127)
                << at << " -> " << link << ": " << testing::PrintToString(outcome);
            EXPECT_EQ(look(target), before) << at << " -> " << link << " reached the host";
        }
}

// The files holm reads or writes in a root, as links to a secret, fifos and devices: no hang, no content, nothing followed.
TEST_F(IsolationTest, FilesOfTheRootAreNotTrusted)
{
    std::string secret = folder() + "/secret";
    write_file(secret, "root:x:0:0:secret-of-the-host:/:/bin/sh\n", 0600);
    struct stat before, after;
    ASSERT_EQ(stat(secret.c_str(), &before), 0);
    ASSERT_TRUE(succeeds(sh("mkfifo " + folder() + "/fifo")));
    for (const char* file : {"etc/passwd", "etc/group", "etc/os-release", "usr/lib/os-release", "etc/resolv.conf", "etc/machine-id",
                             "etc/localtime", "etc/hostname"})
        for (const std::string& kind : {"ln -s " + secret, "ln -s " + folder() + "/fifo", std::string("mkfifo"), std::string("mkdir"),
                                        std::string("truncate -s 4G"), std::string("mknod -m 666 {} c 1 5")}) {
            std::string root = busybox(), place = root + "/" + file, machine = name();
            fs::create_directories(fs::path(place).parent_path());
            fs::remove(place);
            std::string make = kind.find("{}") == std::string::npos ? kind + " " + place : fmt::format(fmt::runtime(kind), place);
            ASSERT_TRUE(succeeds(sh(make))) << make;
            Outcome outcome = holmctl({"run", "--rm", "--name=" + machine, "--root=" + root, "--user=root", "--", "/bin/sh", "-c",
                                       fmt::format("timeout 1 cat /{} 2>/dev/null | head -c 200", file)},
                                      {}, 20s);
            EXPECT_TRUE(outcome.code == 0 || outcome.code == 125) << make << ": " << testing::PrintToString(outcome);
            EXPECT_FALSE(has(outcome.out + outcome.err, "secret-of-the-host")) << make;
        }
    ASSERT_EQ(stat(secret.c_str(), &after), 0);
    EXPECT_EQ(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
    EXPECT_EQ(before.st_uid, after.st_uid);
}

// CVE-2025-31133, -52565: a mount target that is exchanged while the machine starts.
TEST_F(IsolationTest, ExchangedTargetsNeverReachTheHost)
{
    std::string target = canary(), before = look(target), root = busybox();
    make_folder(root + "/t");
    std::string mounts = sh("cut -d' ' -f5 /proc/1/mountinfo | sort").out;
    Process exchange({"python3", "-c", R"py(
import ctypes, os, sys
libc = ctypes.CDLL(None)
root, target = sys.argv[1:]
os.symlink(target, root + '/link')
print('go', flush=True)
while True:
    libc.renameat2(-100, (root + '/t').encode(), -100, (root + '/link').encode(), 2)
)py",
                      root, target});
    ASSERT_TRUE(exchange.expect("go"));
    for (int i = 0; i < count(200, 20); i++) {
        Outcome outcome = holmctl({"run", "--rm", "--name=" + name(), "--root=" + root, "--tmpfs=/t/deep/er", "--bind=/usr/share:/t/share",
                                   "--", "/bin/sh", "-c", "touch /t/x; exit 0"});
        EXPECT_TRUE(outcome.code == 0 || outcome.code == 125) << testing::PrintToString(outcome);
    }
    exchange.signal(SIGKILL);
    exchange.wait(5s);
    EXPECT_EQ(look(target), before);
    EXPECT_EQ(sh("cut -d' ' -f5 /proc/1/mountinfo | sort").out, mounts);
}

TEST_F(IsolationTest, OtherUsersOfTheHostDoNotGetIn)
{
    std::string machine = boot();
    std::vector<std::string> nobody = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
    auto as_nobody = [&](std::vector<std::string> argv) {
        argv.insert(argv.begin(), nobody.begin(), nobody.end());
        return run(argv);
    };
    for (const std::string& path :
         {"/run/holm/machines/" + machine + "/plan.toml", "/var/lib/holm/machines/" + machine + "/identity.toml"}) {
        EXPECT_TRUE(exists(path)) << path;
        EXPECT_FALSE(succeeds(as_nobody({"cat", path}))) << path;
    }
    EXPECT_TRUE(refuses(as_nobody({"holmctl", "exec", machine, "--", "id"}), 125, machine));
    EXPECT_TRUE(refuses(as_nobody({"holmctl", "stop", machine}), 1, machine));
    EXPECT_TRUE(refuses(as_nobody({"holmctl", "run", "--root=/", "--", "/bin/true"}), 125, "not allowed"));
    EXPECT_TRUE(succeeds(as_nobody({"holmctl", "list"}))) << "who asks for states needs no right";
    EXPECT_EQ(state_of(machine), "running");
}

}  // namespace holm::test
