// Where the machines of other hosts are, as those say it.
#include "network/station.h"

#include <gtest/gtest.h>

namespace holm::network {
namespace {

const Address second = *parse_ip("192.0.2.2"), third = *parse_ip("192.0.2.3");
const Mac five{2, 0, 0, 0, 0, 5}, six{2, 0, 0, 0, 0, 6};

TEST(Station, ALineThereAndBack)
{
    EXPECT_EQ(describe_station(*parse_ip("10.0.0.5"), five), "# 10.0.0.5 02:00:00:00:00:05");
    EXPECT_EQ(*parse_station_line("# 10.0.0.5 02:00:00:00:00:05"), (Station{.address = *parse_ip("10.0.0.5"), .mac = five}));
    for (const char* bad : {"", "#", "# 10.0.0.5", "#10.0.0.5 02:00:00:00:00:05", "# 10.0.0.5 01:00:00:00:00:05",
                            "# 10.0.0 02:00:00:00:00:05", "# 10.0.0.5 02:00:00:00:00:05 x", "10.0.0.5 web"})
        EXPECT_FALSE(parse_station_line(bad)) << bad;
}

TEST(Station, TheMachinesOfEachHost)
{
    const std::map<Address, std::string> others{
        {second, "10.0.0.5 web web.holm\nfd00:1::5 web web.holm\n# 10.0.0.5 02:00:00:00:00:05\n# fd00:1::5 02:00:00:00:00:05\n"},
        {third, "10.0.0.6 db\n# 10.0.0.6 02:00:00:00:00:06\n"},
    };
    EXPECT_EQ(find_stations("10.0.0.7 near\n# 10.0.0.7 02:00:00:00:00:07\n", others),
              (std::vector<Station>{
                  {second, *parse_ip("10.0.0.5"), five}, {second, *parse_ip("fd00:1::5"), five}, {third, *parse_ip("10.0.0.6"), six}}));
    EXPECT_TRUE(find_stations("", {}).empty());
}

// One that moves is for a while on both: then its frames say where it is.
TEST(Station, WhatTwoHostsHaveIsLeftOut)
{
    const std::string line = "# 10.0.0.5 02:00:00:00:00:05\n";
    EXPECT_TRUE(find_stations(line, {{second, line}}).empty());
    EXPECT_TRUE(find_stations("", {{second, line}, {third, line}}).empty());
    EXPECT_TRUE(find_stations("", {{second, line}, {third, "# 10.0.0.6 02:00:00:00:00:05\n"}}).empty()) << "one MAC";
    EXPECT_TRUE(find_stations("# 10.0.0.5 02:00:00:00:00:06\n", {{second, line}}).empty()) << "one address";
    EXPECT_EQ(find_stations("", {{second, line + line}}).size(), 2U) << "said twice by one host is no dispute";
}

}  // namespace
}  // namespace holm::network
