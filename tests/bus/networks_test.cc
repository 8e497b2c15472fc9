// org.holm1.Network: what there is of networks, how clients learn of changes, and who may make some.
#include <algorithm>

#include "harness.h"

namespace holm::test {
namespace {

constexpr const char* lan = "/org/holm1/network/holm_2dbus_2dlan";

class NetworksTest : public BusTest {
protected:
    NetworksTest() { define_network("holm-bus-lan", "subnets = [\"10.99.77.0/24\"]\n"); }
    Answer get(const char* property, const char* path = lan)
    {
        return wait_for(send(alice, path, "org.freedesktop.DBus.Properties", "Get", api::network_interface, property));
    }
    bool has_signal(const std::string& name) const { return std::ranges::find(signals, name) != signals.end(); }
};

TEST_F(NetworksTest, AreObjectsThatAnybodyMayRead)
{
    Answer found = call(alice, "GetNetwork", "holm-bus-lan");
    ASSERT_TRUE(found.ok()) << found.text;
    EXPECT_EQ(found.read<systemd::ObjectPath>().text, lan);
    EXPECT_EQ(call(alice, "GetNetwork", "holm-bus-lam").error, "org.holm1.Error.NotFound");
    EXPECT_EQ(call(alice, "GetNetwork", "a/b").error, "org.holm1.Error.Invalid");
    EXPECT_EQ(std::get<bool>(get("Up").read<systemd::Variant>()), false);
    EXPECT_TRUE(std::get<std::string>(get("Definition").read<systemd::Variant>()).ends_with("/etc/holm/networks/holm-bus-lan.toml"));
    EXPECT_FALSE(get("Up", "/org/holm1/network/holm_2dbus_2dlam").ok());
    Answer all = wait_for(send(alice, api::networks_path, "org.freedesktop.DBus.Introspectable", "Introspect"));
    ASSERT_TRUE(all.ok()) << all.text;
    EXPECT_TRUE(all.read<std::string>().contains("<node name=\"holm_2dbus_2dlan\"/>"));
}

TEST_F(NetworksTest, ComeAndGoWithSignals)
{
    holmd->network_services.follow();
    run_a_while();
    signals.clear();
    holmd->network_services.follow();
    run_a_while();
    EXPECT_TRUE(signals.empty()) << "nothing has changed";
    define_network("holm-bus-new", "");
    holmd->network_services.follow();
    EXPECT_TRUE(run_until([&] { return has_signal("InterfacesAdded"); }));
    EXPECT_FALSE(has_signal("InterfacesRemoved"));
    remove_network("holm-bus-new");
    holmd->network_services.follow();
    EXPECT_TRUE(run_until([&] { return has_signal("InterfacesRemoved"); }));
}

TEST_F(NetworksTest, WhoMayChangeThemIsAskedByName)
{
    EXPECT_EQ(call(alice, "CreateNetwork", "holm-bus-xyz", "").error, "org.holm1.Error.Denied");
    EXPECT_EQ(call(alice, "RemoveNetwork", "holm-bus-lan").error, "org.holm1.Error.Denied");
    EXPECT_EQ(call(alice, "DescribeNetwork", "holm-bus-lan").error, "org.holm1.Error.Denied");
    EXPECT_EQ(wait_for(send(alice, lan, api::network_interface, "Remove")).error, "org.holm1.Error.Denied");
    EXPECT_EQ(call(alice, "Connect", "holm-bus-web", "holm-bus-lan", false).error, "org.holm1.Error.Denied");
    std::vector<std::string> asked;
    for (const Heard& check : calls)
        if (check.details.contains("verb"))
            asked.push_back(fmt::format("{} {} {}", check.what, check.details.at("verb"),
                                        check.details.contains("network") ? check.details.at("network") : check.details.at("machine")));
    EXPECT_EQ(asked,
              (std::vector<std::string>{"org.holm1.networks network-create holm-bus-xyz", "org.holm1.networks network-remove holm-bus-lan",
                                        "org.holm1.inspect network-status holm-bus-lan", "org.holm1.networks network-remove holm-bus-lan",
                                        "org.holm1.networks connect holm-bus-web"}));
    EXPECT_EQ(call(root, "CreateNetwork", "a b", "").error, "org.holm1.Error.Invalid");
}

}  // namespace
}  // namespace holm::test
