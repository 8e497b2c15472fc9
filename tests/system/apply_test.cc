// plan and apply of machines that run: made as a whole, taken back as a whole.
#include "network_fixture.h"

namespace holm::test {

class ApplyTest : public NetworkTest {
protected:
    void SetUp() override
    {
        NetworkTest::SetUp();
        define_network("second", "subnets = [\"10.99.5.0/24\"]\n");
    }
    void TearDown() override
    {
        for (const std::string& machine : started_) take_away(machine);
        sh("rm -rf /etc/holm/networks/second.toml /var/lib/holm/networks/second");
        NetworkTest::TearDown();
    }
    // `more` stands behind [[network]] of holm0.
    void write(const std::string& machine, const std::string& more = "", const std::string& before = "")
    {
        define(machine, fmt::format("{}\n[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sh\", \"-c\", \"{}\"]\n"
                                    "[security]\ncapabilities = {{ add = [\"CAP_NET_RAW\"] }}\n[[network]]\nnetwork = \"holm0\"\n{}",
                                    before, root_,
                                    "mkdir -p /www; hostname >/www/index.html; httpd -f -p 80 -h /www & trap 'exit 0' TERM; "
                                    "while :; do sleep 1000 & wait $!; done",
                                    more));
    }
    std::string running(const std::string& more = "")
    {
        root_ = busybox();
        std::string machine = name("app");
        write(machine, more);
        EXPECT_TRUE(succeeds(holmctl({"start", machine})));
        started_.push_back(machine);
        return machine;
    }
    static std::string from_outside(int port) { return page_from("timeout 2 " + beyond, host_end, port); }
    // All that apply may touch.
    static std::string state_of_host(const std::string& machine)
    {
        return sh(fmt::format(
                      "grep -v '^live_boot' /run/holm/machines/{0}/plan.toml | sha256sum; ls /run/holm/machines/{0}; nft -s list ruleset | "
                      "tr -s ' ,\\t' '\\n' | sort | uniq -c; ip -o link | cut -d: -f2; nsenter -t {1} -m cat /proc/self/mountinfo | cut "
                      "-d' ' -f5; "
                      "systemctl show -p MemoryMax,TasksMax,Description {2}; tc qdisc",
                      machine, leader_of(machine), service_of(machine)))
            .out;
    }

private:
    std::string root_;
    std::vector<std::string> started_;
};

TEST_F(ApplyTest, AMachineBecomesWhatItsDefinitionSays)
{
    std::string machine = running();
    EXPECT_EQ(holmctl({"plan", machine}).out, fmt::format("Machine '{}' runs as its definition says.\n", machine));
    EXPECT_EQ(holmctl({"plan", "--json=short", machine}).out, "[]\n");
    const std::string before = state_of_host(machine);
    const int leader = leader_of(machine);
    make_folder(folder() + "/shared");
    write_file(folder() + "/shared/file", "of the host\n");
    write(machine,
          "publish = [\"8080:80\"]\negress = \"10M\"\n[[network]]\nnetwork = \"second\"\n[[mount]]\nsource = \"" + folder() +
              "/shared\"\ntarget = \"/shared\"\nread_only = true\n[resources]\nMemoryMax = \"256M\"\n[identity]\nhostname = \"other\"\n",
          "description = \"new\"");
    Outcome planned = holmctl({"plan", machine});
    for (const char* line : {"live           network.eth0.publish", "live           network.eth1", "live           mount./shared",
                             "live           resources.MemoryMax", "needs restart  identity.hostname", "'holmctl apply"})
        EXPECT_TRUE(has(planned.out, line));
    EXPECT_EQ(state_of_host(machine), before) << "plan did something";

    Outcome applied = holmctl({"apply", machine});
    ASSERT_TRUE(succeeds(applied));
    EXPECT_TRUE(has(applied.out, "needs restart"));
    EXPECT_EQ(leader_of(machine), leader);
    EXPECT_EQ(from_outside(8080), machine + "\n");
    EXPECT_TRUE(has(inside(machine, "ip -4 -o address show dev eth1").out, "10.99.5."));
    EXPECT_EQ(inside(machine, "cat /shared/file; touch /shared/other 2>&1 | grep -c Read-only; hostname").out,
              "of the host\n1\n" + machine + "\n");
    EXPECT_EQ(unit_property(service_of(machine), "MemoryMax"), "268435456");
    EXPECT_TRUE(has(unit_property(service_of(machine), "Description"), "new"));
    EXPECT_TRUE(has(sh("tc qdisc").out, "tbf"));
    const std::string left = holmctl({"plan", machine}).out;
    EXPECT_FALSE(left.contains("live")) << left;
    EXPECT_TRUE(has(left, "identity.hostname"));
    EXPECT_FALSE(exists("/run/holm/machines/" + machine + "/before.toml"));

    // A reboot of the payload has the same; then the mount is locked.
    ASSERT_TRUE(succeeds(holmctl({"reboot", machine})));
    ASSERT_TRUE(eventually([&] { return from_outside(8080) == machine + "\n" && leader_of(machine) != leader; }, 10s));
    EXPECT_EQ(inside(machine, "cat /shared/file").out, "of the host\n");
    write(machine);
    ASSERT_TRUE(succeeds(holmctl({"apply", machine})));
    EXPECT_TRUE(has(holmctl({"plan", machine}).out, "needs restart  mount./shared"));
    EXPECT_EQ(inside(machine, "ls /sys/class/net").out, "eth0\nlo\n");
    EXPECT_EQ(from_outside(8080), "");
    EXPECT_EQ(unit_property(service_of(machine), "MemoryMax"), "infinity");
    EXPECT_FALSE(sh("tc qdisc").out.contains("tbf"));
    EXPECT_TRUE(succeeds(inside(machine, fmt::format("ping -c 1 -W 2 {}", server)))) << "its own network is left alone";
    ASSERT_TRUE(succeeds(holmctl({"restart", machine})));
    EXPECT_EQ(holmctl({"plan", machine}).out, fmt::format("Machine '{}' runs as its definition says.\n", machine));
}

TEST_F(ApplyTest, WhatFailsIsUndoneWhole)
{
    std::string machine = running(), other = on("holm0", serves, {"--publish=8081:80"});
    const std::string before = state_of_host(machine);
    make_folder(folder() + "/shared");
    const std::string more = "publish = [\"8080:80\"]\n[[network]]\nnetwork = \"second\"\n[[mount]]\nsource = \"" + folder() +
                             "/shared\"\ntarget = \"{}\"\n[resources]\nMemoryMax = \"256M\"\n";
    // The mount is the last but for the unit: below a file nothing can be mounted.
    write(machine, fmt::format(fmt::runtime(more), "/bin/busybox/shared"));
    EXPECT_TRUE(refuses(holmctl({"apply", machine}), 1, "/bin/busybox/shared"));
    EXPECT_EQ(state_of_host(machine), before);
    write(machine, "publish = [\"8081:80\"]\n[[network]]\nnetwork = \"second\"\n");
    EXPECT_TRUE(refuses(holmctl({"apply", machine}), 1, other));
    EXPECT_EQ(state_of_host(machine), before);
    EXPECT_TRUE(succeeds(inside(machine, fmt::format("ping -c 1 -W 2 {}", server))));
    write(machine, fmt::format(fmt::runtime(more), "/shared"));
    EXPECT_TRUE(succeeds(holmctl({"apply", machine})));
    EXPECT_EQ(from_outside(8080), machine + "\n");
}

TEST_F(ApplyTest, WhatNobodyConfirmsIsTakenBack)
{
    std::string machine = running();
    const std::string before = state_of_host(machine);
    make_folder(folder() + "/shared");
    write(machine, "publish = [\"8080:80\"]\n[[network]]\nnetwork = \"second\"\n[[mount]]\nsource = \"" + folder() +
                       "/shared\"\ntarget = \"/shared\"\n[resources]\nMemoryMax = \"256M\"\n");
    auto is_changed = [&] {
        return from_outside(8080) == machine + "\n" && unit_property(service_of(machine), "MemoryMax") == "268435456";
    };
    auto is_back = [&] { return state_of_host(machine) == before; };
    Outcome applied = holmctl({"apply", "--confirm=3s", machine});
    ASSERT_TRUE(succeeds(applied));
    EXPECT_TRUE(has(applied.err, "--confirm"));
    EXPECT_TRUE(is_changed());
    EXPECT_TRUE(eventually(is_back, 10s)) << state_of_host(machine) << before;
    EXPECT_TRUE(refuses(holmctl({"apply", "--confirm", machine}), 1, "taken back"));
    EXPECT_TRUE(has(holmctl({"plan", machine}).out, "network.eth0.publish"));

    // The next manager has the time that is left, and takes back at once what was not whole.
    ASSERT_TRUE(succeeds(holmctl({"apply", "--confirm=4s", machine})));
    kill_holmd();
    EXPECT_TRUE(eventually([&] { return holmctl({"list"}).code == 0; }, 10s));
    EXPECT_TRUE(is_changed());
    EXPECT_TRUE(eventually(is_back, 15s)) << state_of_host(machine) << before;
    ASSERT_TRUE(succeeds(holmctl({"apply", "--confirm=1h", machine})));
    sh(fmt::format("rm /run/holm/machines/{}/confirm", machine));
    kill_holmd();
    EXPECT_TRUE(eventually([&] { return holmctl({"list"}).code == 0 && is_back(); }, 15s)) << state_of_host(machine) << before;

    ASSERT_TRUE(succeeds(holmctl({"apply", "--confirm=1h", machine})));
    ASSERT_TRUE(succeeds(holmctl({"apply", "--revert", machine})));
    EXPECT_TRUE(is_back()) << state_of_host(machine) << before;
    EXPECT_TRUE(refuses(holmctl({"apply", "--revert", machine}), 1, "apply it again"));

    // One that cannot even be read keeps nothing of the last.
    ASSERT_TRUE(succeeds(holmctl({"apply", "--confirm=3s", machine})));
    const std::string file = "/etc/holm/machines/" + machine + ".toml", good = content_of(file);
    write_file(file, "[root\n");
    EXPECT_TRUE(refuses(holmctl({"apply", machine}), 1, machine + ".toml"));
    write_file(file, good);
    EXPECT_TRUE(is_changed());
    EXPECT_TRUE(eventually(is_back, 10s)) << state_of_host(machine) << before;
    ASSERT_TRUE(succeeds(holmctl({"apply", "--confirm=2s", machine})));
    ASSERT_TRUE(succeeds(holmctl({"apply", "--confirm", machine})));
    sleep(3);
    EXPECT_TRUE(is_changed());
    EXPECT_TRUE(refuses(holmctl({"apply", "--confirm=x", machine}), 2, "--confirm"));
}

// What is shown before the first start is what starts.
TEST_F(ApplyTest, APlanBeforeTheFirstStartHasItsIdentity)
{
    const std::string machine = name();
    define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n", busybox()));
    const Outcome planned = holmctl({"plan", machine});
    ASSERT_TRUE(succeeds(planned));
    EXPECT_EQ(holmctl({"plan", machine}).out, planned.out);
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    const std::string uuid(trim(inside(machine, "tr '\\0' '\\n' </proc/1/environ | sed -n 's/^container_uuid=//p'").out));
    ASSERT_EQ(uuid.size(), 36u);
    EXPECT_TRUE(has(planned.out, uuid));
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
}

TEST_F(ApplyTest, WhatIsSetIsNoDifference)
{
    std::string machine = running();
    ASSERT_TRUE(succeeds(holmctl({"set", machine, "MemoryMax=128M"})));
    EXPECT_EQ(holmctl({"plan", "--json=short", machine}).out, "[]\n");
    ASSERT_TRUE(succeeds(holmctl({"set", "--runtime", machine, "TasksMax=99"})));
    EXPECT_TRUE(has(holmctl({"plan", "--json=short", machine}).out, "\"key\":\"resources.TasksMax\""));
    ASSERT_TRUE(succeeds(holmctl({"apply", machine})));
    EXPECT_EQ(unit_property(service_of(machine), "TasksMax"), "4096");
    EXPECT_EQ(unit_property(service_of(machine), "MemoryMax"), "134217728");

    // One that is removed at its end has no next start; one that does not run has a plan of its start.
    EXPECT_TRUE(refuses(holmctl({"apply", "no-such"}), 1, "no-such"));
    ASSERT_TRUE(succeeds(holmctl({"stop", machine})));
    EXPECT_TRUE(refuses(holmctl({"apply", machine}), 1, "next start"));
    EXPECT_TRUE(has(holmctl({"plan", machine}).out, "Mounts, in this order"));
}

}  // namespace holm::test
