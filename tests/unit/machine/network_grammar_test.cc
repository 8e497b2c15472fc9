#include "machine/network_grammar.h"

#include <gtest/gtest.h>

namespace holm::machine {
namespace {

using Parse = Result<std::string> (*)(std::string_view);

void expect_all(Parse parse, std::initializer_list<const char*> good, std::initializer_list<const char*> bad)
{
    for (const char* text : good) EXPECT_TRUE(parse(text)) << text;
    for (const char* text : bad) EXPECT_FALSE(parse(text)) << text;
}

TEST(NetworkGrammar, Networks)
{
    expect_all(parse_network, {"none", "host", "veth", "bridge:br0", "macvlan:eth0", "ipvlan:eth0", "physical:enp3s0", "lan", "holm0"},
               {"", "bridge:", "bridge:a b", "vlan:x", "ipvlan:", "../x", "a b"});
}

TEST(NetworkGrammar, Addresses)
{
    expect_all(parse_address, {"10.213.0.5", "10.213.0.5/16", "fd00::5", "fd00::5/64", "::1"},
               {"", "10.213.0", "10.213.0.256", "10.213.0.5/33", "fd00::5/129", "fe80::1%eth0", "224.0.0.1", "ff02::1", "10.0.0.1/", "a"});
}

TEST(NetworkGrammar, DomainsAndAliases)
{
    const std::string longest(63, 'a'), longer(64, 'a');
    expect_all(parse_domain, {"holm", "lan.example", "a-b.c", "1.2", longest.c_str()},
               {"", ".", "a.", ".a", "a..b", "-a", "a-", "a_b", "a b", "a\n", "a/b", "\xc3\xa4", longer.c_str()});
    expect_all(parse_alias, {"www", "a-b", "1", longest.c_str()},
               {"", "a.b", "-a", "a-", "a\n", "a\nb", "a,b", "a b", "a#", longer.c_str()});
}

TEST(NetworkGrammar, MacAddresses)
{
    EXPECT_EQ(*parse_mac("02:00:5E:10:00:05"), "02:00:5e:10:00:05");
    expect_all(
        parse_mac, {},
        {"", "02:00:5e:10:00", "02-00-5e-10-00-05", "01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "0g:00:5e:10:00:05"});
}

TEST(NetworkGrammar, Rates)
{
    expect_all(parse_rate, {"1", "100M", "10G"}, {"", "0", "M", "1.5M", "-1", "100m", "100MB"});
}

TEST(NetworkGrammar, Rules)
{
    expect_all(parse_rule, {"in tcp 80 from 10.0.0.0/8", "out any to 169.254.169.254", "in icmp", "out udp 53-54", "in any"},
               {"", "in", "tcp 80", "in sctp 80", "in tcp 0", "in tcp 80-79", "in any 80", "in tcp 80 to 10.0.0.1", "out any from 10.0.0.1",
                "in tcp 80 from", "in tcp 80 from x", "in  tcp 80", "in tcp 80; drop"});
}

TEST(NetworkGrammar, Publications)
{
    expect_all(parse_publication,
               {"8080:80", "127.0.0.1:2222:22/tcp", "[::]:5353:53/udp", "7000-7010:7000-7010", "[fd00::1]:1:1", "80-80:1-1"},
               {"", "80", "0:80", "80:0", "65536:80", "80:80/sctp", "7000-7010:7000-7009", "7010-7000:7000-7010", "::1:80:80",
                "[127.0.0.1]:1:1", "10.0.0.256:1:1", "a:80:80", "1:2:3:4"});
}

}  // namespace
}  // namespace holm::machine
