// holm.toml on a host that runs: where data lies, how many snapshots are kept, at which port names are told.
#include "network_fixture.h"

namespace holm::test {

class SettingsTest : public NetworkTest {
protected:
    void SetUp() override
    {
        sh("mkdir -p -m 700 /var/lib/holm/images/.manifests /var/lib/holm/layers && touch /var/lib/holm/layers/.lock && chmod 600 "
           "/var/lib/holm/layers/.lock");
        sh("mkdir -p -m 700 /var/lib/holm/machines && mkdir -p /etc/holm");
        NetworkTest::SetUp();
    }
    void TearDown() override
    {
        sh("rm -f /etc/holm/holm.toml");
        if (exists("/run/systemd/generator/var-lib-holm-machines.mount")) {
            EXPECT_TRUE(
                succeeds(sh("systemctl stop holmd var-lib-holm-machines.mount var-lib-holm-images.mount var-lib-holm-layers.mount && "
                            "systemctl daemon-reload && systemctl start holmd")));
        }
        holmctl({"reload"});
        NetworkTest::TearDown();
    }
    static void set(const std::string& toml)
    {
        write_file("/etc/holm/holm.toml", toml);
        ASSERT_TRUE(succeeds(holmctl({"reload"})));
    }
};

TEST_F(SettingsTest, TheOldestSnapshotsAreForgotten)
{
    set("[store]\nkeep_snapshots = 2\n");
    const std::string machine = name();
    define(machine, fmt::format("[root]\nlower = [\"{}\"]\n[payload]\ncommand = [\"/bin/true\"]\n", busybox()));
    for (const char* tag : {"one", "two", "three", "four"}) ASSERT_TRUE(succeeds(holmctl({"snapshot", machine, tag})));
    const std::string left = holmctl({"snapshots", "--no-legend", machine}).out;
    EXPECT_EQ(split(trim(left), '\n').size(), 2u) << left;
    EXPECT_TRUE(has(left, "three"));
    EXPECT_TRUE(has(left, "four"));
}

TEST_F(SettingsTest, NamesAreToldAtAnotherPort)
{
    set("[network]\ndns_port = 5353\n");
    const std::string lan = "lab";
    ASSERT_TRUE(succeeds(holmctl({"network-create", lan, "--subnet=10.99.41.0/24"})));
    const std::string second = on(lan), third = on(lan);
    EXPECT_TRUE(has(sh("ss -Hlun src 10.99.41.1").out, ":5353"));
    for (const char* to : {"10.99.41.1", ""})
        EXPECT_TRUE(eventually([&] { return inside(second, fmt::format("nslookup {}.holm {}", third, to)).code == 0; }, 30s)) << to;
    take_away(second);
    take_away(third);
    EXPECT_TRUE(succeeds(holmctl({"network-remove", lan})));
}

// Where large data lies: by mount units that systemd makes of holm.toml.
TEST_F(SettingsTest, DataLiesElsewhere)
{
    const std::string machines = folder() + "/machines", images = folder() + "/im ages", unit = "var-lib-holm-machines.mount";
    write_file("/etc/holm/holm.toml", fmt::format("[paths]\nmachines = \"{}\"\nimages = \"{}\"\n", machines, images));
    ASSERT_TRUE(succeeds(sh("systemctl daemon-reload && systemctl restart holmd")));
    EXPECT_EQ(unit_state(unit), "active");
    const std::string machine = name(), image = name("image");
    ASSERT_TRUE(succeeds(holmctl({"import-fs", busybox(), image})));
    EXPECT_TRUE(succeeds(holmctl({"run", "--name=" + machine, "--image=" + image, "--", "/bin/sh", "-c", "echo written >/etc/word"})));
    EXPECT_EQ(content_of(machines + "/" + machine + "/upper/etc/word"), "written\n");
    EXPECT_TRUE(succeeds(sh(fmt::format("ls '{}'/.layers/*/tree/bin/busybox", images))));
    EXPECT_TRUE(succeeds(holmctl({"remove", machine})));
    EXPECT_TRUE(succeeds(holmctl({"remove-image", image})));
}

}  // namespace holm::test
