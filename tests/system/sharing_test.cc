// Folders of the host in machines: whose the files are on both sides, overlays over them, many at once, ranges of users beside each other.
#include <filesystem>
#include <map>

#include <sys/stat.h>

#include "base/text.h"
#include "host.h"

namespace holm::test {

namespace fs = std::filesystem;

class SharingTest : public SystemTest {
protected:
    // A user of the host, with a group of another number, for the length of a test.
    struct HostUser {
        HostUser() { made = run({"useradd", "--uid", "4711", "--user-group", "--no-create-home", "holm-alice"}).code == 0; }
        ~HostUser() { run({"userdel", "holm-alice"}); }
        bool made = false;
    };

    static std::string owner_of(const std::string& path) { return trim_copy(run({"stat", "-c", "%u:%g %a", path}).out); }
    static std::string trim_copy(const std::string& text) { return std::string(trim(text)); }
};

TEST_F(SharingTest, OwnerIsRightOnBothSides)
{
    HostUser alice;
    ASSERT_TRUE(alice.made);
    const std::string group = trim_copy(run({"id", "-g", "holm-alice"}).out), home = folder() + "/home";
    make_folder(home);
    write_file(home + "/letter", "dear\n", 0640);
    ASSERT_TRUE(succeeds(run({"chown", "-R", "holm-alice:", home})));
    std::string machine = name(), root = busybox();
    write_file(root + "/etc/passwd", "root:x:0:0::/:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n");
    write_file(root + "/etc/group", "root:x:0:\nalice:x:1000:\n");
    auto definition = [&](const std::string& owner) {
        define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n"
                                    "[[mount]]\nsource = \"{}\"\ntarget = \"/home/alice\"\nowner = \"{}\"\n",
                                    root, home, owner));
    };
    definition("user:nobody-of-this-name=1000");
    EXPECT_TRUE(refuses(holmctl({"start", machine}), 1, "there is no user 'nobody-of-this-name'"));
    definition("user:holm-alice=1000");
    EXPECT_TRUE(has(holmctl({"plan", machine}).out, "user 4711 and group " + group + " of the host are 1000 inside"));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    auto as_alice = [&](const std::string& script) { return holmctl({"exec", "--user=alice", machine, "--", "/bin/sh", "-c", script}); };
    Outcome read =
        as_alice("cd /home/alice && cat letter && stat -c '%u:%g' . letter && echo more >>letter && echo new >answer && chmod 600 answer");
    EXPECT_TRUE(succeeds(read));
    EXPECT_EQ(read.out, "dear\n1000:1000\n1000:1000\n");
    EXPECT_EQ(owner_of(home + "/answer"), "4711:" + group + " 600");
    EXPECT_EQ(content_of(home + "/letter"), "dear\nmore\n");
    // The host's alice writes, the machine's reads.
    ASSERT_TRUE(
        succeeds(run({"setpriv", "--reuid=holm-alice", "--regid=" + group, "--clear-groups", "sh", "-c", "echo back >" + home + "/back"})));
    EXPECT_EQ(as_alice("stat -c %u /home/alice/back; cat /home/alice/back").out, "1000\nback\n");
    // Root of the machine is nobody there, and gives it to nobody else.
    EXPECT_FALSE(succeeds(inside(machine, "touch /home/alice/of-root")));
    EXPECT_FALSE(succeeds(inside(machine, "chown 0:0 /home/alice/letter")));
    ASSERT_TRUE(succeeds(holmctl({"stop", machine})));
}

// Over a folder of the host: what is changed lies in memory, or in the upper that was named, and that is one machine's alone.
TEST_F(SharingTest, OverlayLeavesItsSourceAlone)
{
    const std::string data = folder() + "/data", upper = folder() + "/changes";
    make_folder(data);
    write_file(data + "/file", "original\n");
    const std::string before = hash_of_tree(data);
    std::string machine = name(), other = name(), root = busybox();
    auto definition = [&](const std::string& who, const std::string& at, const std::string& options) {
        define(who, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n"
                                "[[mount]]\ntype = \"overlay\"\nsource = \"{}\"\ntarget = \"/srv\"\noptions = [{}]\n",
                                at, data, options));
    };
    auto change = [&] { return inside(machine, "echo changed >/srv/file; echo new >/srv/new; cat /srv/file"); };
    definition(machine, root, "\"size=16M\"");
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_EQ(change().out, "changed\n");
    EXPECT_NE(inside(machine, "umount /srv || umount -l /srv").code, 0) << "it is locked";
    EXPECT_NE(inside(machine, "dd if=/dev/zero of=/srv/big bs=1M count=32").code, 0) << "its size is a limit";
    ASSERT_TRUE(succeeds(holmctl({"restart", machine})));
    EXPECT_EQ(inside(machine, "cat /srv/file; ls /srv").out, "original\nfile\n");
    ASSERT_TRUE(succeeds(holmctl({"stop", machine})));

    definition(machine, root, fmt::format("\"upper={}\"", upper));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_EQ(change().out, "changed\n");
    EXPECT_EQ(owner_of(upper + "/new"), "0:0 644");
    definition(other, busybox(), fmt::format("\"upper={}\"", upper));
    EXPECT_TRUE(refuses(holmctl({"start", other}), 1, "is in use by machine '" + machine + "'"));
    ASSERT_TRUE(succeeds(holmctl({"restart", machine})));
    EXPECT_EQ(inside(machine, "cat /srv/file; ls /srv").out, "changed\nfile\nnew\n");
    ASSERT_TRUE(succeeds(holmctl({"stop", machine})));
    EXPECT_EQ(hash_of_tree(data), before);
}

// As a unit whose processes may have no more than 20 open files.
TEST_F(SharingTest, TwentyMountsWithTwentyOpenFiles)
{
    std::string machine = name(), text = fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n", busybox());
    for (int i = 0; i < 20; ++i) {
        const std::string source = fmt::format("{}/{:02}", folder(), i);
        make_folder(source);
        write_file(source + "/here", fmt::format("{}\n", i));
        text += fmt::format("[[mount]]\nsource = \"{}\"\ntarget = \"/srv/{:02}\"\n", source, i);
    }
    text += "[security]\nrlimits = { NOFILE = \"20\" }\n";
    define(machine, text);
    const std::string limits = "/run/systemd/system/" + service_of(machine) + ".d/limit.conf";
    make_folder("/run/systemd/system/" + service_of(machine) + ".d");
    write_file(limits, "[Service]\nLimitNOFILE=20:524288\n");
    ASSERT_TRUE(succeeds(run({"systemctl", "daemon-reload"})));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_EQ(trim_copy(inside(machine, "cat /srv/*/here | wc -l; stat -c %u /srv/19/here; ulimit -n").out), "20\n0\n20");
    ASSERT_TRUE(succeeds(holmctl({"stop", machine})));
    sh(fmt::format("rm -r /run/systemd/system/{}.d && systemctl daemon-reload", service_of(machine)));
}

// Ranges of users: none meets another, and all come back.
TEST_F(SharingTest, AHundredMachinesHaveRangesOfTheirOwn)
{
    const std::string root = busybox();
    const int machines = count(100, 12);
    std::map<uint64_t, std::string> bases;
    std::vector<std::string> names;
    auto held = [] { return sh("ls /run/systemd/nspawn-uid 2>/dev/null | wc -l").out; };
    const std::string before = held();
    for (int i = 0; i < machines; ++i) {
        names.push_back(name());
        ASSERT_TRUE(succeeds(holmctl({"run", "--rm", "--name=" + names.back(), "--detach", "--read-only", "--root=" + root,
                                      "--network=none", "--", "/bin/sleep", "1000"})));
    }
    for (const std::string& machine : names) {
        const std::string map = content_of(fmt::format("/proc/{}/uid_map", leader_of(machine)));
        auto fields = split(trim(map), ' ');
        std::erase_if(fields, [](std::string_view field) { return field.empty(); });
        ASSERT_EQ(fields.size(), 3U);
        EXPECT_TRUE(bases.emplace(parse_number(fields[1]).value_or(0), machine).second) << machine << " has the range of another";
        EXPECT_EQ(fields[2], "65536");
    }
    uint64_t last = 0;
    for (const auto& [base, machine] : bases) {
        EXPECT_GE(base, last) << machine << " meets the one before it";
        last = base + 65536;
    }
    for (const std::string& machine : names) take_away(machine);
    EXPECT_TRUE(eventually([&] { return held() == before; })) << held();
}

}  // namespace holm::test
