// What a machine's root is made of: a folder, layers and an upper, in memory, read-only, /usr alone; and whose ids are on disk.
#include "machine.h"

#include <sys/stat.h>

#include <filesystem>

namespace holm::test {
namespace {

class Roots : public testing::Test {
protected:
    Roots() { make_busybox_root(scratch / "base"); }

    launch::Plan overlay_plan(const std::string& script)
    {
        launch::Plan plan = make_shell_plan(scratch / "base", script);
        for (const char* name : {"app", "mid,dle:1"}) {
            make_folder(scratch / name);
            write_file(scratch / name + "/name", name);
        }
        plan.rootfs.lower = {scratch / "app", scratch / "mid,dle:1", scratch / "base"};
        plan.rootfs.upper = rootfs::Upper::Directory;
        plan.rootfs.upper_path = scratch / "state/up,per:1 \\x";
        plan.rootfs.work_path = scratch / "state/up,per:1 \\x.work";
        plan.rootfs.create_upper = true;
        return plan;
    }

    Scratch scratch;
};

uint32_t owner_of(const std::string& path)
{
    struct stat status;
    return ::lstat(path.c_str(), &status) ? UINT32_MAX : status.st_uid;
}

TEST_F(Roots, FolderInPlaceRunsAsItsOwnRoot)
{
    Finished done = run_script(scratch, scratch / "base", "id -u; touch /made; stat -c %u /made /etc /bin/busybox; hostname; pwd");
    ASSERT_FALSE(done.said.error) << done.said.error->text;
    EXPECT_EQ(done.output, "0\n0\n0\n0\ntest\n/\n") << done.errors;
    EXPECT_EQ(done.exit->value, 0);
    EXPECT_EQ(owner_of(scratch / "base/made"), 0u);  // no shifted id on disk
}

TEST_F(Roots, PayloadIsAnUnprivilegedUserOfTheHost)
{
    Machine machine(scratch, make_shell_plan(scratch / "base", "echo up; read line"));
    ASSERT_FALSE(machine.boot().error) << machine.said.error->text;
    EXPECT_EQ(owner_of(fmt::format("/proc/{}", machine.said.pid)), range_base);
}

TEST_F(Roots, OverlayOfThreeLayersAndUpperOnDisk)
{
    Finished done = run(scratch, overlay_plan("cat /name; touch /made; echo more >>/etc/passwd; stat -c %u /made; id -u"));
    ASSERT_FALSE(done.said.error) << done.said.error->text;
    EXPECT_EQ(done.output, "app0\n0\n") << done.errors;
    EXPECT_EQ(owner_of(scratch / "state/up,per:1 \\x/made"), 0u);
    EXPECT_EQ(owner_of(scratch / "state/up,per:1 \\x/etc/passwd"), 0u);
    EXPECT_EQ(read_text(scratch / "base/etc/passwd").find("more"), std::string::npos);
}

TEST_F(Roots, UpperInMemorySurvivesARebootAndLeavesNothingOnDisk)
{
    launch::Plan plan = make_shell_plan(scratch / "base", "cat /made 2>/dev/null || echo first >/made; stat -c %u /made");
    plan.rootfs.upper = rootfs::Upper::Memory;
    plan.rootfs.memory_size = 16 << 20;
    Machine machine(scratch, plan);
    machine.boot();
    Finished first = machine.finish();
    ASSERT_FALSE(first.said.error) << first.said.error->text;
    EXPECT_EQ(first.output, "0\n") << first.errors;
    for (int boots = 0; boots < 2; ++boots) {
        machine.boot(true, std::move(first.said.memory));
        first = machine.finish();
        ASSERT_FALSE(first.said.error) << first.said.error->text;
        EXPECT_EQ(first.output, "first\n0\n") << first.errors;
    }
    EXPECT_EQ(owner_of(scratch / "base/made"), UINT32_MAX);
}

TEST_F(Roots, UpperInMemoryIsCapped)
{
    launch::Plan plan = make_shell_plan(scratch / "base", "dd if=/dev/zero of=/big bs=1M count=8 2>/dev/null; echo $?");
    plan.rootfs.upper = rootfs::Upper::Memory;
    plan.rootfs.memory_size = 4 << 20;
    EXPECT_EQ(run(scratch, plan).output, "1\n");
}

TEST_F(Roots, ReadOnlyStaysReadOnly)
{
    launch::Plan plan = make_shell_plan(
        scratch / "base", "touch /x; mount -o remount,rw /; touch /x; mount -o remount,rw,bind /; touch /x; touch /tmp/x && echo tmp");
    plan.rootfs.read_only = true;
    for (auto& lower : {std::vector<std::string>{scratch / "base"}, {scratch / "empty", scratch / "base"}}) {
        make_folder(scratch / "empty");
        plan.rootfs.lower = lower;
        Finished done = run(scratch, plan);
        ASSERT_FALSE(done.said.error) << done.said.error->text;
        EXPECT_EQ(done.output, "tmp\n");
        EXPECT_EQ(owner_of(scratch / "base/x"), UINT32_MAX);
    }
}

TEST_F(Roots, OnlyUsrIsKeptInModeVolatile)
{
    make_folder(scratch / "base/usr/bin");
    std::filesystem::rename(scratch / "base/bin/busybox", scratch / "base/usr/bin/busybox");
    std::filesystem::create_symlink("busybox", scratch / "base/usr/bin/sh");
    launch::Plan plan = make_plan(
        scratch / "base",
        {"/bin/sh", "-c", "busybox ls -d /usr /bin /etc /bin/sh; busybox ls -A /etc; busybox touch /usr/x; busybox touch /x && echo made"});
    plan.rootfs.only_usr = true;
    for (auto& lower : {std::vector<std::string>{scratch / "base"}, {scratch / "empty", scratch / "base"}}) {
        make_folder(scratch / "empty");
        plan.rootfs.lower = lower;
        Finished done = run(scratch, plan);
        ASSERT_FALSE(done.said.error) << done.said.error->text;
        EXPECT_EQ(done.output, "/bin\n/bin/sh\n/etc\n/usr\nmade\n") << done.errors;
        EXPECT_EQ(owner_of(scratch / "base/usr/x"), UINT32_MAX);
    }
}

TEST_F(Roots, IdentityAndHostKeepTheNumbers)
{
    for (machine::IdMapping mapping : {machine::IdMapping::Identity, machine::IdMapping::Host}) {
        launch::Plan plan =
            overlay_plan("id -u; touch /made; stat -c %u /made /etc; test -c /dev/null && echo dev; cat /proc/self/uid_map | head -c 21");
        plan.rootfs.ids = {.mapping = mapping, .base = 0, .count = 65536};
        Finished done = run(scratch, plan);
        ASSERT_FALSE(done.said.error) << done.said.error->text;
        EXPECT_EQ(done.output, "0\n0\n0\ndev\n         0          0") << done.errors;
    }
}

TEST_F(Roots, EphemeralUpperOnDiskIsEmptiedBeforeTheFirstBootAlone)
{
    launch::Plan plan = overlay_plan("test -e /made; echo $?; touch /made");
    plan.rootfs.empty_at_end = true;
    Machine machine(scratch, plan);
    machine.boot(false);
    EXPECT_EQ(machine.finish().output, "1\n");
    machine.boot(true);
    EXPECT_EQ(machine.finish().output, "0\n");
    machine.boot(false);
    EXPECT_EQ(machine.finish().output, "1\n");
}

TEST_F(Roots, UpperIsUsedByOneMachineAtATime)
{
    launch::Plan plan = overlay_plan("echo up; read line");
    plan.locked_paths = {plan.rootfs.upper_path};
    plan.range_lock = "/run/systemd/nspawn-uid/1879048192";
    Machine first(scratch, plan), second(scratch, plan);
    ASSERT_FALSE(first.boot().error) << first.said.error->text;
    EXPECT_EQ(first.said.locks.size(), 2u);
    ASSERT_TRUE(second.boot().error);
    EXPECT_EQ(second.said.error->code, Errc::Busy);
    EXPECT_EQ(second.said.step, "lock");
    EXPECT_NE(second.said.error->text.find("is in use by machine 'test'"), std::string::npos) << second.said.error->text;
    first.said.locks.clear();
    first.kill();
    EXPECT_FALSE(second.boot().error);
}

TEST_F(Roots, LayersAreSharedByReadersAndWrittenByNone)
{
    launch::Plan reader = overlay_plan("echo up; read line"), writer = reader;
    reader.shared_paths = reader.rootfs.lower;
    writer.locked_paths = {reader.rootfs.lower.back()};
    Machine first(scratch, reader), second(scratch, reader), third(scratch, writer);
    ASSERT_FALSE(first.boot().error) << first.said.error->text;
    ASSERT_FALSE(second.boot().error) << second.said.error->text;
    ASSERT_TRUE(third.boot().error);
    EXPECT_EQ(third.said.error->code, Errc::Busy);
    EXPECT_NE(third.said.error->text.find("last taken by machine 'test'"), std::string::npos) << third.said.error->text;
    first.said.locks.clear();
    first.kill();
    ASSERT_TRUE(third.boot().error) << "the second has the layer still";
    second.said.locks.clear();
    second.kill();
    ASSERT_FALSE(third.boot().error) << third.said.error->text;
    ASSERT_TRUE(second.boot().error);
    EXPECT_NE(second.said.error->text.find("is in use by machine 'test'"), std::string::npos) << second.said.error->text;
}

TEST_F(Roots, ErrorsNameTheLayer)
{
    launch::Plan plan = overlay_plan("true");
    plan.rootfs.lower[1] = scratch / "nowhere";
    Finished done = run(scratch, plan);
    ASSERT_TRUE(done.said.error);
    EXPECT_EQ(done.said.error->text,
              fmt::format("cannot use '{}' as layer 2 of machine 'test': No such file or directory", scratch / "nowhere"));
    EXPECT_EQ(done.said.step, "sources");

    plan.rootfs.lower = {"/proc", scratch / "base"};
    done = run(scratch, plan);
    ASSERT_TRUE(done.said.error);
    EXPECT_EQ(done.said.error->code, Errc::NotSupported);
    EXPECT_NE(
        done.said.error->text.find("'/proc' as layer 1 of machine 'test': a file system of it (proc) cannot be id-mapped; keep it on"),
        std::string::npos)
        << done.said.error->text;

    plan.rootfs.lower = {scratch / "base/etc", scratch / "base"};
    plan.rootfs.work_path = scratch / "elsewhere";
    done = run(scratch, plan);
    ASSERT_TRUE(done.said.error);
    EXPECT_NE(done.said.error->text.find("must lie beside each other"), std::string::npos) << done.said.error->text;
}

}  // namespace
}  // namespace holm::test
