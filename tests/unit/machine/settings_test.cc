#include "machine/settings.h"

#include <gtest/gtest.h>

namespace holm::machine {
namespace {

Result<Settings> parse(std::string text)
{
    const Source source{"/etc/holm/holm.toml", std::move(text)};
    return parse_settings(std::span(&source, 1));
}

TEST(SettingsFile, NothingIsAllDefaults)
{
    EXPECT_EQ(*parse_settings({}), Settings{});
    EXPECT_EQ(parse("")->users.base, 524288u);
}

TEST(SettingsFile, LaterIsLaidOverEarlier)
{
    const Source sources[] = {
        {"/usr/lib/holm/holm.toml", "[defaults]\nstart_timeout = 10\nprofile = \"a\"\n"},
        {"/etc/holm/holm.toml", "[daemon]\nlog_level = \"debug\"\n[defaults]\nstart_timeout = \"2min\"\n[resources]\nTasksMax = 9\n"}};
    auto settings = parse_settings(sources);
    ASSERT_TRUE(settings) << settings.error().text;
    EXPECT_EQ(settings->log_level, LogLevel::Debug);
    EXPECT_EQ(settings->defaults.start_timeout, std::chrono::minutes(2));
    EXPECT_EQ(settings->defaults.profile, "a");
    EXPECT_EQ(settings->resources, (std::vector<std::pair<std::string, std::string>>{{"TasksMax", "9"}}));
}

TEST(SettingsFile, IsStrict)
{
    EXPECT_EQ(parse("[daemon]\nloglevel = \"info\"").error().text,
              "/etc/holm/holm.toml:2:1: unknown key 'daemon.loglevel' (did you mean 'log_level'?)");
    EXPECT_EQ(parse("[daemon]\nlog_level = \"inf\"").error().text,
              "/etc/holm/holm.toml:2:1: 'daemon.log_level': 'inf' is none of error, warning, notice, info, debug (did you mean 'info'?)");
    for (const char* bad :
         {"[users]\nbase = 0", "[users]\nbase = 65537", "[users]\ncount = 65537", "[users]\nbase = -65536",
          "[users]\nbase = 4294901760\ncount = 131072", "[network]\ndns_port = 0", "[network]\npool = \"x\"",
          "[network]\npool = \"10.0.0.0\"", "[network]\npool = \"10.0.0.0/31\"", "[network]\npool = \"fd00::/16\"",
          "[paths]\nstate = \"x\"", "[paths]\nstate = \"/\"", "[paths]\nstate = \"/var\"", "[paths]\nimages = \"/var/lib/holm/machines\"",
          "[paths]\nmachines = \"/var/lib/holm/x\"", "[defaults]\nstart_timeout = 0", "[resources]\nFoo = 1", "users = 1"})
        EXPECT_FALSE(parse(bad)) << bad;
}

TEST(SettingsFile, EveryKey)
{
    auto settings = parse(
        "[daemon]\nlog_level = \"warning\"\nshutdown_timeout = \"2min\"\n[paths]\nstate = \"/srv/holm\"\nimages = \"/big\"\nmachines = "
        "\"/fast\"\n"
        "[defaults]\nnetwork = \"veth\"\nstop_timeout = \"1min\"\n[users]\nbase = 1048576\ncount = 655360\n"
        "[network]\npool = \"10.9.0.0/16\"\nfirewall = \"off\"\ndns_port = 5353\n"
        "[store]\ncompression = \"xz\"\nkeep_snapshots = 3");
    ASSERT_TRUE(settings) << settings.error().text;
    EXPECT_EQ(settings->paths, (Settings::Paths{"/srv/holm", "/big", "/fast"}));
    EXPECT_EQ(settings->network.dns_port, 5353);
    EXPECT_EQ(settings->shutdown_timeout, std::chrono::minutes(2));
    EXPECT_EQ(settings->store, (Settings::Store{"xz", 3}));
}

}  // namespace
}  // namespace holm::machine
