// copy-to, copy-from, bind and unbind: files between the host and machines, and never by a link of a machine's to the host.
#include <sys/stat.h>
#include <sys/xattr.h>
#include <csignal>

#include "base/text.h"
#include "host.h"

namespace holm::test {

class FilesTest : public SystemTest {
protected:
    void SetUp() override
    {
        SystemTest::SetUp();
        const std::string root = busybox();
        make_folder(root + "/srv");
        machine_ = name();
        ASSERT_TRUE(
            succeeds(holmctl({"run", "--detach", "--name=" + machine_, "--root=" + root, "--network=none", "--", "/bin/sleep", "100000"})));
        ASSERT_TRUE(wait_for_state(machine_, "running"));
    }
    std::string inside(const std::string& script) { return holmctl({"exec", machine_, "--", "/bin/sh", "-c", script}).out; }
    Outcome copy_to(const std::string& source, const std::string& target, std::vector<std::string> options = {})
    {
        options.insert(options.begin(), "copy-to");
        options.insert(options.end(), {machine_, source, target});
        return holmctl(options);
    }
    Outcome copy_from(const std::string& source, const std::string& target, std::vector<std::string> options = {})
    {
        options.insert(options.begin(), "copy-from");
        options.insert(options.end(), {machine_, source, target});
        return holmctl(options);
    }
    std::string machine_;
};

TEST_F(FilesTest, CopiesAFileWithOwnerModeAndTime)
{
    const std::string file = folder() + "/file";
    write_file(file, "content\n", 0640);
    ASSERT_EQ(chown(file.c_str(), 1000, 44), 0);
    ASSERT_TRUE(succeeds(sh("touch -d '2001-02-03 04:05:06 UTC' " + file)));
    EXPECT_TRUE(succeeds(copy_to(file, "/srv/copy")));
    EXPECT_EQ(inside("cat /srv/copy; stat -c '%u %g %a %Y' /srv/copy"), "content\n1000 44 640 981173106\n");
    EXPECT_TRUE(succeeds(copy_to(file, "/srv"))) << "into a folder";
    EXPECT_EQ(inside("cat /srv/file"), "content\n");

    EXPECT_TRUE(succeeds(copy_from("/srv/copy", folder() + "/back")));
    EXPECT_EQ(sh("cat back; stat -c '%u %g %a %Y' back").out, "") << "nothing in the working folder";
    EXPECT_EQ(sh(fmt::format("cat {0}/back; stat -c '%u %g %a %Y' {0}/back", folder())).out, "content\n1000 44 640 981173106\n");
}

TEST_F(FilesTest, ReplacesOnlyWhenForced)
{
    const std::string file = folder() + "/file";
    write_file(file, "new\n");
    inside("echo old >/srv/there; mkdir /srv/folder; touch /srv/folder/x");
    EXPECT_TRUE(refuses(copy_to(file, "/srv/there"), 1, "exists"));
    EXPECT_EQ(inside("cat /srv/there; ls -A /srv"), "old\nfolder\nthere\n") << "nothing is left";
    EXPECT_TRUE(succeeds(copy_to(file, "/srv/there", {"--force"})));
    EXPECT_EQ(inside("cat /srv/there"), "new\n");
    EXPECT_TRUE(refuses(copy_to("/no/such/file", "/srv/there"), 1, "/no/such/file"));
    EXPECT_TRUE(refuses(copy_to(file, "/no/such/folder/file"), 1, "/no/such/folder"));
    EXPECT_TRUE(refuses(copy_from("/no/such/file", folder()), 1, "/no/such/file"));
    EXPECT_TRUE(refuses(copy_to(file, "relative"), 1, "relative"));
}

TEST_F(FilesTest, CopiesATreeAndBack)
{
    const std::string tree = folder() + "/tree", back = folder() + "/back";
    ASSERT_TRUE(
        succeeds(sh(fmt::format("mkdir -p {0}/a/b/c {0}/empty; echo 1 >{0}/a/one; ln {0}/a/one {0}/a/same; ln -s ../a/one {0}/a/b/link;"
                                "ln -s /etc/passwd {0}/absolute; mkfifo {0}/fifo; truncate -s 8M {0}/sparse; echo x >>{0}/sparse;"
                                "chmod 4755 {0}/a/one; chmod 1770 {0}/empty; chown 5:6 {0}/a/b; chmod 750 {0}/a",
                                tree))));
    ASSERT_EQ(setxattr((tree + "/a/one").c_str(), "user.holm", "value", 5, 0), 0);
    EXPECT_TRUE(succeeds(copy_to(tree, "/srv/tree")));
    EXPECT_EQ(inside("cd /srv/tree; stat -c '%n %a %u:%g' a a/b a/one empty; stat -c %h a/one; readlink a/b/link; readlink absolute; ls "
                     "-ld fifo | cut -c1; "
                     "du -k sparse | cut -f1 | awk '{ print ($1 < 1000) }'; ls -A . a"),
              "a 750 0:0\na/b 755 5:6\na/one 4755 0:0\nempty 1770 0:0\n2\n../a/one\n/etc/passwd\np\n1\n"
              ".:\na\nabsolute\nempty\nfifo\nsparse\n\na:\nb\none\nsame\n");
    EXPECT_TRUE(succeeds(copy_from("/srv/tree", back)));
    EXPECT_EQ(sh(fmt::format("stat -c %a {}/a/one", back)).out, "755\n") << "no setuid program of a machine's making on the host";
    ASSERT_TRUE(succeeds(sh(fmt::format("chmod 755 {}/a/one", tree))));
    EXPECT_EQ(hash_of_tree(back), hash_of_tree(tree));
    EXPECT_TRUE(refuses(copy_to(tree, "/srv/tree"), 1, "exists"));
    write_file(tree + "/a/new", "2\n");
    EXPECT_TRUE(succeeds(copy_to(tree, "/srv/tree", {"--force"}))) << "into a folder that is there";
    EXPECT_EQ(inside("cat /srv/tree/a/new"), "2\n");
}

TEST_F(FilesTest, StreamsATar)
{
    ASSERT_TRUE(
        succeeds(sh(fmt::format("mkdir -p {0}/t/d; echo 1 >{0}/t/d/f; ln -s f {0}/t/d/l; head -c 9000 /dev/zero >{0}/large", folder()))));
    EXPECT_TRUE(succeeds(sh(fmt::format("tar -C {} -c t | holmctl copy-to {} - /srv", folder(), machine_))));
    EXPECT_EQ(inside("cat /srv/t/d/l"), "1\n");
    EXPECT_EQ(sh(fmt::format("holmctl copy-from {} /srv/t - | tar -tf - | sort", machine_)).out, "t/\nt/d/\nt/d/f\nt/d/l\n");
    EXPECT_TRUE(succeeds(sh(fmt::format("holmctl copy-from {} /srv/t - | gzip | holmctl copy-to {} - /root", machine_, machine_))));
    EXPECT_EQ(inside("cat /root/t/d/f"), "1\n");
    EXPECT_TRUE(refuses(sh(fmt::format("echo nonsense-that-is-no-tar | holmctl copy-to {} - /srv", machine_)), 1, "tar"));
    EXPECT_TRUE(refuses(sh(fmt::format("tar -C {} -c large | head -c 4096 | holmctl copy-to {} - /var", folder(), machine_)), 1, "tar"));
}

TEST_F(FilesTest, CopiesFromMachineToMachine)
{
    const std::string other = background("mkdir -p /srv; exec sleep 100000", {"--network=none"});
    inside("mkdir /srv/d; echo 7 >/srv/d/f; chown 33:33 /srv/d/f");
    EXPECT_TRUE(succeeds(copy_from("/srv/d", other + ":/srv/e")));
    EXPECT_EQ(holmctl({"exec", other, "--", "/bin/sh", "-c", "cat /srv/e/f; stat -c %u /srv/e/f"}).out, "7\n33\n");
}

// CVE-2018-15664, CVE-2019-10152: a link of the machine leads within the machine, also one that is swapped meanwhile.
TEST_F(FilesTest, NoLinkOfTheMachineLeadsToTheHost)
{
    const std::string canary = folder() + "/canary", file = folder() + "/file";
    make_folder(canary);
    write_file(canary + "/secret", "secret of the host\n");
    write_file(file, "payload\n");
    inside(
        fmt::format("mkdir -p /srv/in; ln -s {0} /srv/link; ln -s ../../../../../../..{0} /srv/up; ln -s /proc/1/root /srv/proc", canary));
    const std::string before = hash_of_tree(canary);
    for (const char* target : {"/srv/link/x", "/srv/up/x", "/srv/link", "/srv/up/", "/srv/proc/srv/x"}) copy_to(file, target);
    EXPECT_EQ(hash_of_tree(canary), before);
    for (const char* source : {"/srv/link/secret", "/srv/up/secret",
                               "/srv/proc"
                               "/etc/hostname"}) {
        EXPECT_TRUE(exits(copy_from(source, folder() + "/stolen", {"--force"}), 1)) << source;
        EXPECT_FALSE(exists(folder() + "/stolen"));
    }
    // A tree of the machine whose folder becomes a link while it is copied.
    holmctl(
        {"exec", "--detach", machine_, "--", "/bin/sh", "-c",
         fmt::format(
             "mkdir -p /srv/race/d; cd /srv/race; ln -s {} l; touch d/mine; while :; do mv -T d x; mv -T l d; mv -T d l; mv -T x d; done",
             canary)});
    for (int i = 0; i < count(200, 20); i++) {
        copy_from("/srv/race", folder() + "/raced", {"--force"});
        copy_to(file, "/srv/race/d/written", {"--force"});
    }
    EXPECT_EQ(hash_of_tree(canary), before);
    EXPECT_EQ(sh(fmt::format("grep -rsl 'secret of the host' {}/raced", folder())).out, "");
    EXPECT_TRUE(refuses(copy_to(file, "/proc/sys/kernel/core_pattern", {"--force"}), 1, "lies on proc"));
}

TEST_F(FilesTest, ACopyEndsWithItsCaller)
{
    auto children = [] { return sh("pgrep -P $(systemctl show -P MainPID holmd) | sort").out; };  // supervisors too
    const std::string before = children();
    Process waiting({"holmctl", "copy-to", machine_, "-", "/srv"});
    ASSERT_TRUE(eventually([&] { return children() != before; }));
    waiting.signal(SIGKILL);
    waiting.wait(10s);
    EXPECT_TRUE(eventually([&] { return children() == before; }));
}

TEST_F(FilesTest, ACopyEndsWithItsMachine)
{
    auto children = [] { return sh("pgrep -x holmd -P $(systemctl show -P MainPID holmd) | sort").out; };
    const std::string before = children();
    Process waiting({"holmctl", "copy-to", machine_, "-", "/srv"});  // for the stream
    ASSERT_TRUE(eventually([&] { return children() != before; }));
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine_})));
    EXPECT_TRUE(eventually([&] { return waiting.ended(); }));
    EXPECT_TRUE(refuses(waiting.wait(), 1, fmt::format("machine '{}' stopped meanwhile", machine_)));
    EXPECT_TRUE(eventually([&] { return children() == before; }));
}

TEST_F(FilesTest, BindsAFolderAndAFile)
{
    const std::string source = folder() + "/shared";
    make_folder(source);
    write_file(source + "/f", "1\n");
    EXPECT_TRUE(refuses(holmctl({"bind", machine_, source, "/mnt/shared"}), 1, "/mnt/shared")) << "without --mkdir";
    EXPECT_TRUE(succeeds(holmctl({"bind", "--mkdir", machine_, source, "/mnt/shared"})));
    EXPECT_EQ(inside("cat /mnt/shared/f; echo 2 >/mnt/shared/g; stat -c %u /mnt/shared/f"), "1\n0\n");
    EXPECT_EQ(sh(fmt::format("cat {0}/g; stat -c %u {0}/g", source)).out, "2\n0\n") << "root of the machine is root of the host there";
    EXPECT_TRUE(succeeds(holmctl({"bind", "--mkdir", machine_, source + "/f", "/mnt/one"})));
    EXPECT_EQ(inside("cat /mnt/one"), "1\n");
    EXPECT_TRUE(succeeds(holmctl({"unbind", machine_, "/mnt/one"})));
    EXPECT_TRUE(succeeds(holmctl({"unbind", machine_, "/mnt/shared"})));
    EXPECT_EQ(inside("ls -A /mnt/shared; cat /mnt/one"), "");
    EXPECT_TRUE(refuses(holmctl({"unbind", machine_, "/mnt/shared"}), 1, "/mnt/shared"));
    EXPECT_TRUE(refuses(holmctl({"unbind", machine_, "/proc"}), 1, "locked"));
    EXPECT_TRUE(refuses(holmctl({"bind", machine_, "/no/such", "/mnt/shared"}), 1, "/no/such"));
}

// Root of the machine may take it away, but not make it writable: its flags are locked.
TEST_F(FilesTest, AReadOnlyBindStaysReadOnly)
{
    const std::string source = folder() + "/shared";
    make_folder(source);
    EXPECT_TRUE(succeeds(holmctl({"bind", "--read-only", "--mkdir", machine_, source, "/mnt/shared"})));
    EXPECT_EQ(inside("touch /mnt/shared/x 2>/dev/null; echo $?; mount -o remount,rw,bind /mnt/shared 2>/dev/null; echo $?; touch "
                     "/mnt/shared/x 2>/dev/null; echo $?"),
              "1\n1\n1\n");
    EXPECT_FALSE(exists(source + "/x"));
    inside(fmt::format("rmdir /mnt/l; ln -s {} /mnt/l", source));
    EXPECT_TRUE(refuses(holmctl({"bind", "--mkdir", machine_, source, "/mnt/l/below"}), 1, machine_)) << "its link leads nowhere in it";
    EXPECT_FALSE(exists(source + "/below"));
}

// CVE-2021-3997: a tree that is as deep as a path is long, and one that is deeper than any path, cost no stack.
// Whose PID 1 is a program of the host, which nobody inside may look at.
TEST_F(FilesTest, AMachineWithAnInitOfHolmsOwnIsReachedAsAnyOther)
{
    const std::string machine = name(), source = folder() + "/shared";
    make_folder(source);
    write_file(source + "/f", "here\n");
    define(machine, fmt::format("[root]\nlower = [\"{}\"]\n[payload]\ncommand = [\"/bin/sleep\", \"100000\"]\ninit = true\n", busybox()));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(succeeds(holmctl({"bind", "--mkdir", machine, source, "/mnt/shared"})));
    EXPECT_EQ(test::inside(machine, "cat /mnt/shared/f").out, "here\n");
    EXPECT_TRUE(succeeds(holmctl({"copy-to", machine, source + "/f", "/mnt/f"})));
    EXPECT_EQ(holmctl({"copy-from", machine, "/mnt/f", "-"}).code, 0);
    EXPECT_TRUE(succeeds(holmctl({"unbind", machine, "/mnt/shared"})));
    EXPECT_EQ(test::inside(machine, "ls /mnt/shared").out, "");
}

TEST_F(FilesTest, DepthIsRefusedAndEndsNoProcess)
{
    const std::string deep = folder() + "/deep";
    make_folder(deep);
    ASSERT_TRUE(succeeds(
        run({"python3", "-c",
             "import os, sys\nos.chdir(sys.argv[1])\nfor _ in range(3000): os.mkdir('d'); os.symlink('/', 'l'); os.chdir('d')", deep})));
    EXPECT_TRUE(refuses(copy_to(deep, "/srv/deep"), 1, "nested deeper than 1000"));
    EXPECT_EQ(trim(inside("ls -A /srv/deep 2>/dev/null | wc -l")), "0") << "what was half there is gone";
    inside("mkdir /srv/down && cd /srv/down && for i in $(seq 1500); do mkdir d && cd d; done");
    EXPECT_TRUE(refuses(copy_from("/srv/down", folder() + "/back"), 1, "nested deeper than 1000"));
    EXPECT_FALSE(exists(folder() + "/back"));
}

}  // namespace holm::test
