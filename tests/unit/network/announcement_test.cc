// What hosts of a VXLAN tell each other of names: what comes in is theirs, and checked.
#include "network/announcement.h"

#include <gtest/gtest.h>

#include "example.h"

namespace holm::network {
namespace {

const Address host = *parse_ip("192.0.2.2");

TEST(Announcement, ThereAndBack)
{
    const Segment segment = example::segment();
    const Announcement whole{.host = host, .serial = 7, .asks = true, .names = "10.0.0.5 web web.holm\nfd00:1::5 web web.holm\n"};
    const auto frames = describe_announcements(whole, 1450);
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(*parse_announcement(frames[0], segment), whole);
    const auto empty = describe_announcements({.host = host, .serial = 8}, 1450);
    ASSERT_EQ(empty.size(), 1U);
    EXPECT_EQ(parse_announcement(empty[0], segment)->names, "");
}

TEST(Announcement, ManyNamesAreSeveralFrames)
{
    const Segment segment = example::segment();
    Announcement whole{.host = host, .serial = 7};
    for (int i = 2; i < 202; ++i) whole.names += fmt::format("10.0.0.{0} machine-{0} machine-{0}.holm\n", i);
    const auto frames = describe_announcements(whole, 1000);
    EXPECT_GT(frames.size(), 5U);
    Heard heard;
    for (size_t i = 0; i < frames.size(); ++i) {
        EXPECT_LE(frames[i].size(), 1000U);
        auto names = heard.take(*parse_announcement(frames[frames.size() - 1 - i], segment), 1);
        ASSERT_EQ(names.has_value(), i + 1 == frames.size()) << "whole with its last part, whichever that is";
        EXPECT_EQ(names.value_or(whole.names), whole.names);
    }
    for (const std::string& frame : frames) EXPECT_FALSE(heard.take(*parse_announcement(frame, segment), 2)) << "nothing new";
}

TEST(Announcement, WhatIsNoneIsRefused)
{
    const Segment segment = example::segment();
    for (const char* bad : {"", "\n", "holm-names 1\n", "holm-names 2 192.0.2.2 7 0 1 -\n", "holm-names 1 192.0.2 7 0 1 -\n",
                            "holm-names 1 192.0.2.2 x 0 1 -\n", "holm-names 1 192.0.2.2 7 1 1 -\n", "holm-names 1 192.0.2.2 7 0 0 -\n",
                            "holm-names 1 192.0.2.2 7 0 257 -\n", "holm-names 1 192.0.2.2 7 0 1 -", "holm-names 1 ../../x 7 0 1 -\n"})
        EXPECT_FALSE(parse_announcement(bad, segment)) << bad;
}

// A host names its machines, and not those of the world.
TEST(Announcement, NamesOfOtherDomainsAreLeftOut)
{
    const std::string head = "holm-names 1 192.0.2.2 7 0 1 -\n";
    for (const char* bad : {"deb.debian.org", "web.holm.org", "holm.example", "webholm.x"}) {
        EXPECT_EQ(parse_announcement(fmt::format("{}10.0.0.5 web {} web.holm\n", head, bad), example::segment())->names,
                  "10.0.0.5 web web.holm\n")
            << bad;
        EXPECT_EQ(parse_announcement(fmt::format("{}10.0.0.5 {}\n", head, bad), example::segment())->names, "") << bad;
    }
}

TEST(Announcement, WhatIsTooMuchIsNotKept)
{
    Heard heard;
    Announcement part{.host = host, .serial = 7, .parts = 3, .names = std::string(most_names / 2, 'x')};
    EXPECT_FALSE(heard.take(part, 1));
    part.part = 1;
    EXPECT_FALSE(heard.take(part, 1));
    part.part = 2;
    EXPECT_FALSE(heard.take(part, 1));
    part.part = 0, part.parts = 1, part.serial = 8, part.names = "10.0.0.5 web\n";
    EXPECT_EQ(heard.take(part, 1), part.names) << "and the next is heard";
}

TEST(Announcement, LinesThatNameNothingHereAreLeftOut)
{
    const std::string head = "holm-names 1 192.0.2.2 7 0 1 -\n", good = "10.0.0.5 web web.holm\n";
    for (const char* bad :
         {"192.0.2.77 bank.example", "10.0.0.6", "10.0.0.6 a_b!", "10.0.0.6 web\tx", "10.0.0.6 a\r", "x web", "10.0.0.6  web"})
        EXPECT_EQ(parse_announcement(head + bad + "\n" + good, example::segment())->names, good) << bad;
}

TEST(Announcement, WhereMachinesAre)
{
    const std::string head = "holm-names 1 192.0.2.2 7 0 1 -\n", good = "10.0.0.5 web web.holm\n# 10.0.0.5 02:00:5e:10:00:05\n";
    EXPECT_EQ(parse_announcement(head + good, example::segment())->names, good);
    for (const char* bad : {"# 10.0.0.1 02:00:5e:10:00:05", "# 192.0.2.77 02:00:5e:10:00:05", "# 10.0.0.6 03:00:5e:10:00:05", "# 10.0.0.6",
                            "# 10.0.0.6 web", "#"})
        EXPECT_EQ(parse_announcement(head + bad + "\n" + good, example::segment())->names, good) << bad;
}

TEST(Heard, WhatEachHasSaidLast)
{
    Heard heard;
    const Address other = *parse_ip("192.0.2.3");
    heard.expect(other, 50);
    EXPECT_TRUE(heard.names().empty()) << "of another process nothing is known";
    heard.expect(other, 50, "10.0.0.9 old\n");
    EXPECT_EQ(heard.names(), (std::map<Address, std::string>{{other, "10.0.0.9 old\n"}})) << "but what it has written down";
    EXPECT_FALSE(heard.take({.host = other, .serial = 1, .names = "10.0.0.9 old\n"}, 60)) << "it says the same";
    EXPECT_EQ(heard.take({.host = other, .serial = 2, .names = ""}, 60), "");
    heard.expect(other, 70);
    heard.take({.host = host, .serial = 1, .names = "10.0.0.5 web\n"}, 100);
    heard.take({.host = other, .serial = 1, .part = 0, .parts = 2, .names = "10.0.0.6 db\n"}, 100);
    EXPECT_EQ(heard.names(), (std::map<Address, std::string>{{host, "10.0.0.5 web\n"}})) << "and no half";
    heard.take({.host = host, .serial = 2, .names = ""}, 101);
    EXPECT_EQ(heard.names(), (std::map<Address, std::string>{{host, ""}}));
}

TEST(Heard, TheSilentAreForgotten)
{
    Heard heard;
    EXPECT_EQ(heard.take({.host = host, .serial = 1, .names = "10.0.0.5 web\n"}, 100), "10.0.0.5 web\n");
    const Address other = *parse_ip("192.0.2.3");
    heard.expect(other, 50);
    EXPECT_TRUE(heard.knows(other));
    EXPECT_EQ(heard.forget_silent(60), std::vector{other});
    EXPECT_FALSE(heard.knows(other));
    EXPECT_TRUE(heard.knows(host));
    EXPECT_EQ(heard.take({.host = host, .serial = 2, .names = ""}, 110), "") << "it has none any more";
    EXPECT_EQ(heard.forget_silent(111), std::vector{host});
    for (size_t i = 0; i < most_hosts; ++i) {
        Address one = *parse_ip("10.0.0.0");
        one.bytes[2] = static_cast<uint8_t>(i >> 8), one.bytes[3] = static_cast<uint8_t>(i);
        EXPECT_TRUE(heard.take({.host = one, .serial = 1, .names = "10.0.0.5 web\n"}, 200));
    }
    EXPECT_FALSE(heard.take({.host = host, .serial = 1, .names = "10.0.0.5 web\n"}, 200)) << "there are as many as can be";
}

}  // namespace
}  // namespace holm::network
