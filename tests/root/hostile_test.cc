// Roots that want out: links at holm's own folders, at mount targets and at what is read; each with a canary on the host.
#include "machine.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace holm::test {
namespace {

class Hostile : public testing::Test {
protected:
    Hostile()
    {
        make_busybox_root(scratch / "base");
        make_folder(scratch / "canary");
        write_file(scratch / "canary/file", "alive\n");
        before = look();
    }

    std::string look()
    {
        std::string all;
        for (auto& entry : std::filesystem::recursive_directory_iterator(scratch / "canary")) {
            struct stat status;
            ::lstat(entry.path().c_str(), &status);
            all += fmt::format("{} {:o} {} {}.{}\n", entry.path().string(), status.st_mode, status.st_uid, status.st_mtim.tv_sec,
                               status.st_mtim.tv_nsec);
        }
        return all + read_text(scratch / "canary/file");
    }

    void replace_by_link(const std::string& inside, const std::string& target)
    {
        std::filesystem::remove_all(scratch / "base" + inside);
        std::filesystem::create_symlink(target, scratch / "base" + inside);
    }

    void TearDown() override { EXPECT_EQ(look(), before); }

    Scratch scratch;
    std::string before;
};

TEST_F(Hostile, OwnFoldersThatAreLinksAreRefused)
{
    for (const char* folder : {"dev", "proc", "sys", "run", "tmp"})
        for (const std::string& target : {scratch / "canary", std::string("../../canary"), std::string("etc")}) {
            replace_by_link(fmt::format("/{}", folder), target);
            Finished done = run_script(scratch, scratch / "base", "echo up");
            ASSERT_TRUE(done.said.error) << folder;
            EXPECT_EQ(done.said.error->text, fmt::format("'/{}' of the machine's root is a symbolic link, which is refused", folder));
            EXPECT_EQ(done.said.error->code, Errc::Invalid);
            std::filesystem::remove(scratch / "base" + fmt::format("/{}", folder));
            make_folder(scratch / "base" + fmt::format("/{}", folder));
        }
}

TEST_F(Hostile, OwnFoldersThatAreFilesAreRefusedAndMissingOnesMade)
{
    std::filesystem::remove(scratch / "base/dev");
    write_file(scratch / "base/dev", "");
    Finished done = run_script(scratch, scratch / "base", "echo up");
    ASSERT_TRUE(done.said.error);
    EXPECT_EQ(done.said.error->text, "'/dev' of the machine's root is not a folder");
    for (const char* folder : {"dev", "proc", "sys", "run", "tmp"}) std::filesystem::remove(scratch / "base" + fmt::format("/{}", folder));
    EXPECT_EQ(run_script(scratch, scratch / "base", "echo up").output, "up\n");
    launch::Plan plan = make_shell_plan(scratch / "base", "echo up");
    std::filesystem::remove(scratch / "base/dev");
    plan.rootfs.read_only = true;
    done = run(scratch, plan);
    ASSERT_TRUE(done.said.error);
    EXPECT_EQ(done.said.error->text, "the machine's root is read-only and has no folder '/dev'");
}

TEST_F(Hostile, MountTargetsStayInside)
{
    make_folder(scratch / "data");
    write_file(scratch / "data/file", "data\n");
    replace_by_link("/absolute", scratch / "canary");  // dangles inside
    replace_by_link("/relative", "../../../../../../.." + (scratch / "canary"));
    replace_by_link("/inside", "/etc");
    for (const char* target : {"/absolute", "/absolute/new", "/relative", "/relative/new"}) {
        launch::Plan plan = make_shell_plan(scratch / "base", "echo up");
        plan.rootfs.mounts = {{.source = scratch / "data", .target = target, .key = "mount[0]"}};
        EXPECT_TRUE(run(scratch, plan).said.error) << target;
    }
    launch::Plan plan = make_shell_plan(scratch / "base", "cat /etc/deep/file");
    plan.rootfs.mounts = {{.source = scratch / "data", .target = "/inside/deep", .key = "mount[0]"}};
    EXPECT_EQ(run(scratch, plan).output, "data\n");
}

TEST_F(Hostile, MagicLinksAreNoTargetsAndNoSources)
{
    launch::Plan plan = make_shell_plan(scratch / "base", "echo up");
    plan.rootfs.mounts = {{.source = "/proc/self/root/etc", .target = "/srv", .key = "mount[0]"}};
    EXPECT_TRUE(run(scratch, plan).said.error);
    plan.rootfs.mounts.clear();
    plan.rootfs.lower = {"/proc/self/cwd"};
    EXPECT_TRUE(run(scratch, plan).said.error);
}

TEST_F(Hostile, UsersAreReadFromRegularFilesInsideAlone)
{
    write_file(scratch / "canary-passwd", "eve:x:0:0::/:/bin/sh\n");
    launch::Plan plan = make_shell_plan(scratch / "base", "id -u");
    plan.payload.user = "eve";
    auto refused = [&] {
        Finished done = run(scratch, plan);
        EXPECT_TRUE(done.said.error);
        EXPECT_EQ(done.said.step, "user");
        return done.said.error ? done.said.error->text : "";
    };
    replace_by_link("/etc/passwd", scratch / "canary-passwd");
    EXPECT_NE(refused().find("has no user 'eve'"), std::string::npos);
    std::filesystem::remove(scratch / "base/etc/passwd");
    ASSERT_EQ(::mkfifo((scratch / "base/etc/passwd").c_str(), 0600), 0);
    EXPECT_NE(refused().find("is not a regular file"), std::string::npos);
    std::filesystem::remove(scratch / "base/etc/passwd");
    write_file(scratch / "base/etc/passwd", "");
    ASSERT_EQ(::truncate((scratch / "base/etc/passwd").c_str(), int64_t{4} << 30), 0);
    EXPECT_NE(refused().find("is larger than"), std::string::npos);
}

TEST_F(Hostile, WorkingDirectoryIsNoWayOut)
{
    for (const char* folder : {"/proc/self/fd/3", "/proc/self/fd/4", "/proc/self/fd/8", "/proc/1/cwd", "/proc/self/root", "/link"}) {
        replace_by_link("/link", "/proc/self/fd/7");
        launch::Plan plan = make_shell_plan(scratch / "base", "pwd");
        plan.payload.working_directory = folder;
        Finished done = run(scratch, plan);
        ASSERT_TRUE(done.said.error) << folder << done.output;
        EXPECT_NE(done.said.error->text.find("cannot use the working directory"), std::string::npos);
    }
}

TEST_F(Hostile, NoWorkingDirectoryIsMadeOutside)
{
    replace_by_link("/link", scratch / "canary");
    replace_by_link("/up", "../../../../../../../.." + scratch / "canary");
    replace_by_link("/process", "/proc/1/root" + scratch / "canary");
    for (const char* folder :
         {"/link", "/link/new", "/up/new", "/process/new", "/proc/1/cwd/new", "/proc/self/fd/7/new", "/bin/busybox/new"}) {
        launch::Plan plan = make_shell_plan(scratch / "base", "pwd");
        plan.payload.working_directory = folder;
        plan.payload.makes_working_directory = true;
        Finished done = run(scratch, plan);
        ASSERT_TRUE(done.said.error) << folder << done.output;
        EXPECT_NE(done.said.error->text.find("the working directory"), std::string::npos) << done.said.error->text;
    }
    replace_by_link("/inside", "/var");
    launch::Plan plan = make_shell_plan(scratch / "base", "pwd");
    plan.payload.working_directory = "/inside/new";
    plan.payload.makes_working_directory = true;
    EXPECT_EQ(run(scratch, plan).output, "/var/new\n");
}

TEST_F(Hostile, PayloadHasNoDescriptorsButItsThree)
{
    Finished done = run_script(scratch, scratch / "base", "ls /proc/self/fd | wc -l; ls /proc/$$/fd; true");
    EXPECT_EQ(done.output, "4\n0\n1\n2\n");  // of ls the folder itself
}

TEST_F(Hostile, JoinerCannotBeLookedInto)
{
    // Guest root looks at the program of every process it sees; of a joiner, before its exec, that is the host's.
    Machine machine(scratch, make_shell_plan(scratch / "base", "while :; do ls -l /proc/[0-9]*/exe 2>>/refused | grep holm >>/seen; done"));
    ASSERT_FALSE(machine.boot().error) << machine.said.error->text;
    auto met_one = [&] { return read_text(scratch / "base/refused").find("Permission denied") != std::string::npos; };
    for (int i = 0; i < 2000 && !met_one(); ++i) EXPECT_EQ(machine.exec({"/bin/true"}).exit->value, 0);
    machine.kill();
    EXPECT_TRUE(met_one()) << "no joiner was met";
    EXPECT_EQ(read_text(scratch / "base/seen"), "");
}

}  // namespace
}  // namespace holm::test
