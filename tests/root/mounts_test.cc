// What is mounted in a machine, and that its root can take none of it away: binds, tmpfs, masks, /dev, /run/host, credentials.
#include "machine.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace holm::test {
namespace {

using machine::MountType;

class Mounts : public testing::Test {
protected:
    Mounts()
    {
        make_busybox_root(scratch / "base");
        make_folder(scratch / "data");
        write_file(scratch / "data/file", "content\n");
    }

    Finished run_with(std::vector<rootfs::Mount> mounts, const std::string& script)
    {
        launch::Plan plan = make_shell_plan(scratch / "base", script);
        plan.rootfs.mounts = std::move(mounts);
        return run(scratch, plan);
    }

    Scratch scratch;
};

TEST_F(Mounts, BindOfAFolderIsWrittenWithUnshiftedIds)
{
    Finished done = run_with({{.source = scratch / "data", .target = "/deep/new/data", .key = "mount[0]"}},
                             "cat /deep/new/data/file; touch /deep/new/data/made");
    ASSERT_FALSE(done.said.error) << done.said.error->text;
    EXPECT_EQ(done.output, "content\n") << done.errors;
    struct stat status;
    ASSERT_EQ(::stat((scratch / "data/made").c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 0u);
    ASSERT_EQ(::stat((scratch / "base/deep/new/data").c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 0u);  // the target was made as the machine's root would
}

TEST_F(Mounts, BindOfAFileAndUnmappedBind)
{
    Finished done = run_with({{.source = scratch / "data/file", .target = "/etc/file", .key = "mount[0]"},
                              {.source = scratch / "data", .target = "/srv", .id_mapped = false, .key = "mount[1]"}},
                             "cat /etc/file; stat -c %u /srv; touch /srv/made || echo denied");
    EXPECT_EQ(done.output, "content\n65534\ndenied\n") << done.errors;
}

TEST_F(Mounts, ReadOnlyBindIsLocked)
{
    Finished done = run_with(
        {{.source = scratch / "data", .target = "/srv", .read_only = true, .nosuid = true, .key = "mount[0]"}},
        "touch /srv/x; mount -o remount,rw,bind /srv; umount /srv; mount -o remount,suid,bind,ro /srv; touch /srv/x; cat /srv/file");
    EXPECT_EQ(done.output, "content\n");
    EXPECT_NE(done.errors.find("permission denied"), std::string::npos) << done.errors;  // remount: EPERM
    EXPECT_NE(done.errors.find("Invalid argument"), std::string::npos) << done.errors;   // umount: EINVAL
}

TEST_F(Mounts, TmpfsInaccessibleAndHidden)
{
    launch::Plan plan = make_shell_plan(
        scratch / "base",
        "cat /etc/passwd 2>&1; ls /home 2>&1; ls -A /var; stat -c '%a %u' /cache; touch /cache/x; touch /var/x 2>/dev/null || echo ro");
    write_file(scratch / "base/var/secret", "x");
    plan.rootfs.mounts = {{.type = MountType::Inaccessible, .target = "/home", .key = "mount[0]"},
                          {.type = MountType::Inaccessible, .target = "/etc/passwd", .key = "mount[1]"},
                          {.type = MountType::Tmpfs, .target = "/cache", .options = "mode=1770,size=1M", .key = "mount[2]"}};
    plan.rootfs.hidden = {"/var", "/not/there"};
    plan.payload.boot = true;  // no lookup in passwd
    Finished done = run(scratch, plan);
    ASSERT_FALSE(done.said.error) << done.said.error->text;
    EXPECT_EQ(done.output, "cat: can't open '/etc/passwd': Permission denied\nls: can't open '/home': Permission denied\n1770 0\nro\n");
}

TEST_F(Mounts, OptionalSourceMayBeMissingAnotherMayNot)
{
    rootfs::Mount mount{.source = scratch / "nowhere", .target = "/srv", .optional = true, .key = "mount[0]"};
    EXPECT_EQ(run_with({mount}, "echo up").output, "up\n");
    mount.optional = false;
    Finished done = run_with({mount}, "echo up");
    ASSERT_TRUE(done.said.error);
    EXPECT_EQ(done.said.error->text,
              fmt::format("cannot bind '{}' to '/srv' of machine 'test': No such file or directory", scratch / "nowhere"));
}

TEST_F(Mounts, SourceThatCannotBeIdMappedSaysWhatToDo)
{
    Finished done = run_with({{.source = "/proc", .target = "/srv", .recursive = false, .key = "mount[0]"}}, "echo up");
    ASSERT_TRUE(done.said.error);
    EXPECT_NE(done.said.error->text.find("mount[0]: cannot mount on '/srv' of machine 'test': cannot use '/proc'"), std::string::npos)
        << done.said.error->text;
    EXPECT_NE(done.said.error->text.find("security.users = \"identity\""), std::string::npos);
}

TEST_F(Mounts, OwnerIsOneUserOnBothSides)
{
    ASSERT_EQ(::chown((scratch / "data").c_str(), 4711, 4712), 0);
    ASSERT_EQ(::chown((scratch / "data/file").c_str(), 4711, 4712), 0);
    write_file(scratch / "data/of-root", "x");
    launch::Plan plan = make_shell_plan(
        scratch / "base",
        "cd /srv/shared; id -u; stat -c '%u:%g' . file of-root; echo more >>file; echo new >made; echo x 2>/dev/null >of-root || echo no");
    plan.rootfs.mounts = {{.source = scratch / "data",
                           .target = "/srv/shared",
                           .id_mapped = false,
                           .user = rootfs::UserMap{.uid = 4711, .gid = 4712, .id = 1000},
                           .key = "mount[0]"}};
    plan.payload.user = "alice";
    Finished done = run(scratch, plan);
    ASSERT_FALSE(done.said.error) << done.said.error->text;
    EXPECT_EQ(done.output, "1000\n1000:1000\n1000:1000\n65534:65534\nno\n") << done.errors;
    struct stat status;
    ASSERT_EQ(::stat((scratch / "data/made").c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 4711u);
    EXPECT_EQ(status.st_gid, 4712u);
    EXPECT_EQ(read_text(scratch / "data/file"), "content\nmore\n");
    // Nobody else is anybody there: root has no id to make a file with.
    plan.payload.user = "root", plan.payload.command[2] = "touch /srv/shared/of-the-machine 2>&1";
    EXPECT_NE(run(scratch, plan).output.find("Value too large"), std::string::npos);
}

TEST_F(Mounts, OverlayOverAFolderOfTheHost)
{
    make_folder(scratch / "more:and,more");
    write_file(scratch / "more:and,more/below", "below\n");
    write_file(scratch / "more:and,more/file", "hidden\n");
    rootfs::Mount mount{.type = MountType::Overlay, .source = scratch / "data", .target = "/srv", .key = "mount[0]"};
    mount.lower = {scratch / "more:and,more"};
    const std::string script =
        "cat /srv/file /srv/below; echo new >/srv/new && rm /srv/below; ls /srv; umount /srv 2>/dev/null || echo locked";
    // In memory, and gone.
    EXPECT_EQ(run_with({mount}, script).output, "content\nbelow\nfile\nnew\nlocked\n");
    EXPECT_EQ(run_with({mount}, "ls /srv").output, "below\nfile\n");
    EXPECT_EQ(read_text(scratch / "more:and,more/below"), "below\n");
    // On disk, and kept.
    mount.upper = scratch / "up", mount.work = scratch / "up.work";
    EXPECT_EQ(run_with({mount}, script).output, "content\nbelow\nfile\nnew\nlocked\n");
    EXPECT_EQ(run_with({mount}, "ls /srv").output, "file\nnew\n");
    struct stat status;
    ASSERT_EQ(::stat((scratch / "up/new").c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 0u);
    EXPECT_EQ(read_text(scratch / "more:and,more/below"), "below\n");
    // Read-only, also of one layer, and it stays so.
    mount.upper = mount.work = "", mount.lower = {}, mount.read_only = true;
    Finished done = run_with({mount}, "cat /srv/file; stat -c '%a %u' /srv; mount -o remount,rw,bind /srv; touch /srv/x || echo ro");
    EXPECT_EQ(done.output, "content\n755 0\nro\n") << done.errors;
}

// /data with a tmpfs below it, mounted nosuid,noexec: in the mount namespace of this test alone.
TEST_F(Mounts, RecursiveBindKeepsTheFlagsOfMountsBelow)
{
    make_folder(scratch / "data/below");
    ASSERT_EQ(::mount("tmpfs", (scratch / "data/below").c_str(), "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755"), 0);
    write_file(scratch / "data/below/file", "below\n");
    const std::string flags =
        "grep ' /srv/below ' /proc/self/mountinfo | { read id parent dev root target flags rest; echo ${flags%,idmapped}; }; ";
    rootfs::Mount mount{.source = scratch / "data", .target = "/srv", .key = "mount[0]"};
    Finished plain = run_with({mount}, flags + "cat /srv/below/file; touch /srv/below/x && echo written");
    mount.read_only = true;
    Finished locked =
        run_with({mount}, flags + "touch /srv/below/y 2>/dev/null || echo ro; mount -o remount,bind,rw /srv/below || echo locked");
    mount.recursive = false;
    Finished alone = run_with({mount}, "ls -A /srv/below");
    ::umount2((scratch / "data/below").c_str(), MNT_DETACH);
    EXPECT_EQ(plain.output, "rw,nosuid,noexec,relatime\nbelow\nwritten\n") << plain.errors;
    EXPECT_EQ(locked.output, "ro,nosuid,noexec,relatime\nro\nlocked\n") << locked.errors;
    EXPECT_EQ(alone.output, "");
}

// Each of them open would be more files than holm-setup may have here, which without any mount has some twenty.
TEST_F(Mounts, TwentyIdMappedMountsAreNotOpenAtOnce)
{
    std::vector<rootfs::Mount> mounts;
    std::string script = "true";
    for (int i = 0; i < 20; ++i) {
        const std::string folder = scratch / fmt::format("many/{:02}", i);
        make_folder(folder);
        ASSERT_EQ(::chown(folder.c_str(), 4711, 4711), 0);
        mounts.push_back({.source = folder, .target = fmt::format("/srv/{:02}", i), .key = fmt::format("mount[{}]", i)});
        if (i % 2) mounts.back().user = rootfs::UserMap{.uid = 4711, .gid = 4711, .id = static_cast<uint32_t>(1000 + i)};
        script += fmt::format("; stat -c %u /srv/{:02}", i);
    }
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit few{.rlim_cur = 28, .rlim_max = before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    Finished done = run_with(mounts, script);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    ASSERT_FALSE(done.said.error) << done.said.error->text;
    std::string expected;
    for (int i = 0; i < 20; ++i) expected += i % 2 ? fmt::format("{}\n", 1000 + i) : "4711\n";
    EXPECT_EQ(done.output, expected) << done.errors;
}

TEST_F(Mounts, DeviceFolderHasTheStandardNodesAlone)
{
    Finished done = run_script(
        scratch, scratch / "base",
        "for n in null zero full random urandom tty; do stat -c '%n %t:%T %a %u' /dev/$n; done; readlink /dev/fd; readlink /dev/ptmx; "
        "ls /dev/pts; stat -c %a /dev/shm; echo x >/dev/null && mknod /tmp/sda b 8 0 2>/dev/null || echo no; ls -A /dev | wc -l");
    EXPECT_EQ(
        done.output,
        "/dev/null 1:3 666 0\n/dev/zero 1:5 666 0\n/dev/full 1:7 666 0\n/dev/random 1:8 666 0\n/dev/urandom 1:9 666 0\n/dev/tty 5:0 666 0\n"
        "/proc/self/fd\npts/ptmx\nptmx\n1777\nno\n15\n")
        << done.errors;
}

TEST_F(Mounts, KernelFilesAreCovered)
{
    Finished done = run_script(scratch, scratch / "base",
                               "head -c1 /proc/kallsyms 2>&1; echo 1 2>/dev/null >/proc/sys/kernel/panic || echo ro; "
                               "echo 1 >/proc/sys/net/ipv4/ip_forward && echo net; touch /sys/x 2>&1; ls -A /sys/firmware; touch "
                               "/sys/firmware/x 2>/dev/null || echo covered; mkdir /sys/fs/cgroup/own && echo cgroup; "
                               "grep ^0: /proc/self/cgroup; ls /sys/class/net");
    EXPECT_EQ(done.output,
              "head: /proc/kallsyms: Permission denied\nro\nnet\ntouch: /sys/x: Read-only file system\n"
              "covered\ncgroup\n0::/\nlo\n")
        << done.errors;
}

// Every mask and every read-only part of /proc and /sys, by the root that has CAP_SYS_ADMIN over the machine's mounts.
TEST_F(Mounts, CoversOfKernelFilesAreLocked)
{
    for (machine::IdMapping mapping : {machine::IdMapping::Range, machine::IdMapping::Identity}) {
        std::string paths = "/proc /sys";
        launch::Plan plan = make_shell_plan(scratch / "base", "");
        for (auto* list : {&plan.security.masked, &plan.security.read_only, &plan.security.writable})
            for (const std::string& path : *list) paths += " " + path;
        if (mapping == machine::IdMapping::Identity) plan.rootfs.ids = {.mapping = mapping, .base = 0, .count = UINT32_MAX};
        plan.payload.command[2] =
            "cat /proc/self/mountinfo >/tmp/before; mkdir /tmp/m; for path in " + paths +
            "; do umount $path && echo unmounted $path; umount -l $path && echo detached $path; done; for path in " + paths +
            "; do case $path in /proc|/proc/sys/net) ;; *) mount -o remount,bind,rw $path 2>/dev/null && grep -q \" $path \" "
            "/proc/self/mountinfo && echo writable $path;; esac; done; mount -o remount,bind,suid,dev,exec /proc && echo exec; "
            "mount -t proc proc /tmp/m && echo fresh proc; mount -t sysfs sysfs /tmp/m && echo fresh sysfs; "
            "mount --bind /proc /tmp/m && echo bound; mount -o bind / /tmp/m; sh -c ': >>/proc/sys/kernel/core_pattern' && echo pattern; "
            "cat /proc/self/mountinfo | grep -v /tmp/m >/tmp/after; cmp /tmp/before /tmp/after && echo same";
        Finished done = run(scratch, plan);
        ASSERT_FALSE(done.said.error) << done.said.error->text;
        EXPECT_EQ(done.output, "same\n") << done.errors;
    }
}

TEST_F(Mounts, HostFolderTellsOfTheManagerAndIsReadOnly)
{
    launch::Plan plan = make_shell_plan(
        scratch / "base",
        "cat /run/host/os-release /run/host/container-manager /run/host/credentials/db; stat -c '%a %u' /run/host/credentials "
        "/run/host/credentials/db; touch /run/host/x 2>/dev/null || echo ro; umount /run/host 2>/dev/null || echo locked; "
        "test -S /run/host/notify && echo socket; stat -c %a /run/host/inaccessible/reg");
    write_file(scratch / "secret", "hush\n", 0600);
    plan.credentials = {{"db", scratch / "secret"}};
    Finished done = run(scratch, plan);
    ASSERT_FALSE(done.said.error) << done.said.error->text;
    EXPECT_EQ(done.output, "ID=host\nholm\nhush\n500 0\n400 0\nro\nlocked\nsocket\n0\n") << done.errors;
}

TEST_F(Mounts, CredentialsThatAreNoFilesAreRefused)
{
    launch::Plan plan = make_shell_plan(scratch / "base", "true");
    ASSERT_EQ(::mkfifo((scratch / "fifo").c_str(), 0600), 0);
    plan.credentials = {{"db", scratch / "fifo"}};
    Finished done = run(scratch, plan);
    ASSERT_TRUE(done.said.error);
    EXPECT_NE(done.said.error->text.find("is not a regular file"), std::string::npos) << done.said.error->text;
    plan.credentials = {{"../db", scratch / "data/file"}};
    EXPECT_TRUE(run(scratch, plan).said.error);
}

TEST_F(Mounts, FilesAreWrittenInsideAndNeverThroughALink)
{
    launch::Plan plan = make_shell_plan(
        scratch / "base", "cat /etc/new /etc/kept /etc/link; readlink /etc/localtime; stat -c %u /etc/new; [ ! -e /etc/gone ]");
    write_file(scratch / "base/etc/kept", "kept\n");
    write_file(scratch / "canary", "alive\n");
    ASSERT_EQ(::symlink((scratch / "canary").c_str(), (scratch / "base/etc/trap").c_str()), 0);
    ASSERT_EQ(::symlink((scratch / "canary").c_str(), (scratch / "base/etc/link").c_str()), 0);
    ASSERT_EQ(::symlink((scratch / "canary").c_str(), (scratch / "base/etc/gone").c_str()), 0);
    ASSERT_EQ(::mkfifo((scratch / "base/etc/fifo").c_str(), 0600), 0);
    using Kind = rootfs::File::Kind;
    plan.rootfs.files = {{"/etc/new", "new\n", Kind::Replace},
                         {"/etc/kept", "replaced\n", Kind::IfMissing},
                         {"/etc/localtime", "../usr/share/zoneinfo/UTC", Kind::Symlink},
                         {"/etc/link", "anew\n", Kind::Anew},
                         {"/etc/gone", "", Kind::Remove},
                         {"/nowhere/gone", "", Kind::Remove},
                         {"/etc/trap", "dead\n", Kind::Replace},
                         {"/etc/fifo", "dead\n", Kind::Replace}};
    Finished done = run(scratch, plan);
    ASSERT_FALSE(done.said.error) << done.said.error->text;
    EXPECT_EQ(done.output, "new\nkept\nanew\n../usr/share/zoneinfo/UTC\n0\n") << done.errors;
    EXPECT_EQ(done.said.warnings.size(), 2u);
    EXPECT_EQ(read_text(scratch / "canary"), "alive\n");
}

TEST_F(Mounts, NothingOfTheHostIsSeen)
{
    Finished done = run_script(scratch, scratch / "base", "cat /proc/self/mountinfo");
    EXPECT_EQ(done.output.find("/run/holm"), std::string::npos) << done.output;
    EXPECT_EQ(done.output.find(" / /sys/fs/cgroup/unified"), std::string::npos) << done.output;
    size_t roots = 0;
    for (size_t at = 0; (at = done.output.find(" / rw,", at)) != done.output.npos; ++at) ++roots;
    EXPECT_EQ(roots, 1u) << done.output;
}

}  // namespace
}  // namespace holm::test
