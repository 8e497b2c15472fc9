#include "launch/data_mounts.h"

#include <gtest/gtest.h>

namespace holm::launch {
namespace {

std::vector<DataMount> of(std::string text)
{
    const machine::Source source{"/etc/holm/holm.toml", std::move(text)};
    auto settings = machine::parse_settings(std::span(&source, 1));
    EXPECT_TRUE(settings) << settings.error().text;
    return plan_data_mounts(*settings);
}

TEST(DataMounts, NothingWhereNothingIsElsewhere)
{
    EXPECT_TRUE(of("").empty());
    EXPECT_TRUE(of("[paths]\nstate = \"/var/lib/holm\"\nimages = \"/var/lib/holm/images\"").empty());
}

TEST(DataMounts, EachPathIsMountedWhereHolmLooks)
{
    EXPECT_EQ(of("[paths]\nstate = \"/srv/holm\"\nimages = \"/big/images\"\nmachines = \"/fast\""),
              (std::vector<DataMount>{{"var-lib-holm.mount", "/srv/holm", "/var/lib/holm"},
                                      {"var-lib-holm-images.mount", "/big/images", "/var/lib/holm/images"},
                                      {"var-lib-holm-layers.mount", "/big/images/.layers", "/var/lib/holm/layers"},
                                      {"var-lib-holm-machines.mount", "/fast", "/var/lib/holm/machines"}}));
}

TEST(DataMounts, AsAUnit)
{
    const std::string unit = describe_mount_unit({.unit = "x.mount", .source = "/srv/100%", .target = "/var/lib/holm"});
    EXPECT_NE(unit.find("\nWhat=/srv/100%%\nWhere=/var/lib/holm\nType=none\nOptions=bind\n"), std::string::npos) << unit;
}

}  // namespace
}  // namespace holm::launch
