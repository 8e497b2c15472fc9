// The machine's own /etc as [identity] asks: resolv.conf and localtime copied, replaced, bound, deleted.
#include "base/text.h"
#include "host.h"

namespace holm::test {

class GuestFilesTest : public SystemTest {
protected:
    void SetUp() override
    {
        SystemTest::SetUp();
        root_ = busybox();
        machine_ = name();
    }
    // One that starts with these keys of [identity], shows what it has, and ends.
    std::string seen(const std::string& identity, const std::string& script, const std::string& mode = "persistent")
    {
        define(machine_, fmt::format("[root]\npath = \"{}\"\nmode = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n"
                                     "[[network]]\nnetwork = \"none\"\n[identity]\n{}\n",
                                     root_, mode, identity));
        const Outcome started = holmctl({"start", machine_});
        EXPECT_TRUE(succeeds(started));
        warnings_ = started.err;
        const Outcome shown = inside(machine_, script);
        EXPECT_TRUE(succeeds(holmctl({"terminate", machine_})));
        EXPECT_TRUE(wait_for_state(machine_, "stopped"));
        return shown.out;
    }

    std::string root_, machine_, warnings_;
};

TEST_F(GuestFilesTest, TheResolverIsCopiedReplacedBoundOrDeleted)
{
    const std::string own = content_of("/etc/resolv.conf"), path = root_ + "/etc/resolv.conf", show = "cat /etc/resolv.conf";
    ASSERT_NE(own, "");
    write_file(path, "nameserver 192.0.2.9\n");
    EXPECT_EQ(seen("resolv_conf = \"off\"", show), "nameserver 192.0.2.9\n");
    EXPECT_EQ(seen("resolv_conf = \"bind-host\"", show + "; echo x >/etc/resolv.conf"), own);
    EXPECT_EQ(content_of(path), "nameserver 192.0.2.9\n");
    EXPECT_EQ(seen("resolv_conf = \"bind-host\"", show, "read-only"), own);
    EXPECT_EQ(seen("resolv_conf = \"copy-stub\"", show), "nameserver 192.0.2.9\n");
    EXPECT_TRUE(has(warnings_, "stub-resolv.conf"));
    EXPECT_EQ(seen("resolv_conf = \"copy-host\"", show), own);
    EXPECT_EQ(content_of(path), own);
    ASSERT_TRUE(succeeds(sh(fmt::format("ln -sf ../run/elsewhere {}", path))));
    EXPECT_EQ(seen("resolv_conf = \"copy\"", "readlink /etc/resolv.conf"), "../run/elsewhere\n");
    define(machine_,
           fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/true\"]\n[identity]\nresolv_conf = \"bind-host\"\n", root_));
    EXPECT_TRUE(refuses(holmctl({"start", machine_}), 1, "resolv_conf = \"replace-host\" puts a file in place of the link"));
    sh("systemctl reset-failed " + service_of(machine_));
    EXPECT_EQ(seen("resolv_conf = \"replace-host\"", show + "; readlink /etc/resolv.conf"), own);
    EXPECT_EQ(seen("resolv_conf = \"delete\"", "ls /etc/resolv.conf 2>&1 | grep -c 'No such'"), "1\n");
    EXPECT_FALSE(exists(path));
}

TEST_F(GuestFilesTest, TheTimeZoneIsLinkedBoundOrDeleted)
{
    const std::string zones = root_ + "/usr/share/zoneinfo", link = "readlink /etc/localtime", sum = "sha256sum </etc/localtime";
    if (!exists("/usr/share/zoneinfo/Asia/Tokyo")) GTEST_SKIP() << "this host has no time zones";
    const std::string tokyo = sh("sha256sum </usr/share/zoneinfo/Asia/Tokyo").out;
    // Of the host, as the root does not know it.
    EXPECT_EQ(seen("timezone = \"Asia/Tokyo\"", sum + "; echo x >/etc/localtime"), tokyo);
    EXPECT_EQ(content_of(root_ + "/etc/localtime"), "");
    make_folder(zones + "/Asia");
    write_file(zones + "/Asia/Tokyo", "its own");
    ASSERT_TRUE(succeeds(sh("rm -f " + root_ + "/etc/localtime")));
    EXPECT_EQ(seen("timezone = \"Asia/Tokyo\"", link), "../usr/share/zoneinfo/Asia/Tokyo\n");
    EXPECT_EQ(seen("timezone = \"delete\"", "ls /etc/localtime 2>&1 | grep -c 'No such'"), "1\n");
    if (exists("/etc/localtime")) {
        EXPECT_EQ(seen("timezone = \"bind\"", sum), sh(sum).out);
    }
    define(machine_, fmt::format("[root]\npath = \"{}\"\n[identity]\ntimezone = \"No/Where\"\n", root_));
    EXPECT_TRUE(refuses(holmctl({"start", machine_}), 1, "No/Where"));
    sh("systemctl reset-failed " + service_of(machine_));
}

// Whatever the root has there, links to the host's files among it: the machine starts or says why, and nothing is followed out of it.
TEST_F(GuestFilesTest, NothingIsWrittenOrMountedThroughALink)
{
    const std::string canary = folder() + "/canary", file = canary + "/file";
    make_folder(canary);
    write_file(file, "untouched\n");
    ASSERT_TRUE(
        succeeds(sh("mkfifo " + canary + "/fifo; ln " + file + " " + canary + "/resolv.conf; ln " + file + " " + canary + "/localtime")));
    const std::string look =
        "cd " + canary + " && stat -c '%n %F %a %u:%g %s %Y %Z %h' * && cat file; grep -c " + canary + " /proc/1/mountinfo";
    const std::string before = sh(look).out;
    for (const std::string& kind :
         {"ln -sf " + file, "ln -sf " + canary + "/fifo", std::string("rm -f {0}; mkfifo"), std::string("rm -f {0}; mkdir"),
          "rm -rf " + root_ + "/etc; ln -sfn " + canary + " " + root_ + "/etc; true"}) {
        for (const char* keys :
             {"resolv_conf = \"copy-host\"\ntimezone = \"delete\"", "resolv_conf = \"bind-host\"", "timezone = \"Asia/Tokyo\""}) {
            sh(fmt::format("rm -rf {0}; cp -a {1} {0}", root_, getenv("HOLM_BUSYBOX")));
            for (const char* name : {"resolv.conf", "localtime"}) {
                const std::string path = root_ + "/etc/" + name;
                sh(fmt::format(fmt::runtime(kind), path) + " " + path);
            }
            define(machine_, fmt::format("[root]\npath = \"{}\"\nmode = \"persistent\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n"
                                         "[[network]]\nnetwork = \"none\"\n[identity]\n{}\n",
                                         root_, keys));
            const Outcome started = holmctl({"start", machine_}, {}, 20s);
            EXPECT_TRUE(started.code == 0 || (started.code == 1 && has(started.err, "identity."))) << kind << ": " << keys << started.err;
            EXPECT_FALSE(started.err.contains("Invalid argument")) << started.err;
            if (started.code == 0) {
                EXPECT_TRUE(succeeds(holmctl({"terminate", machine_})));
            }
            EXPECT_TRUE(wait_for_state(machine_, started.code == 0 ? "stopped" : "failed"));
            sh("systemctl reset-failed " + service_of(machine_));
            EXPECT_EQ(sh(look).out, before) << kind << ": " << keys;
        }
    }
}

}  // namespace holm::test
