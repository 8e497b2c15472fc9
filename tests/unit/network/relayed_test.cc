#include "network/relayed.h"

#include <gtest/gtest.h>

#include "network/publication.h"

namespace holm::network {
namespace {

Plan published(std::vector<std::string> ports, std::vector<std::string> addresses = {"10.213.0.5/16", "fd00::5/64"})
{
    Endpoint endpoint;
    for (const std::string& address : addresses) endpoint.addresses.push_back(*parse_cidr(address));
    for (const std::string& port : ports) endpoint.published.push_back(*parse_published(port));
    return {.kind = Kind::Endpoints, .endpoints = {endpoint}};
}

std::string lines(const Plan& plan)
{
    return describe_relayed(relayed_of(plan));
}

TEST(Relayed, WhatIsOnTheLoopback)
{
    EXPECT_EQ(lines(published({"8080:80"})), "tcp 127.0.0.1 8080 10.213.0.5 80\ntcp ::1 8080 fd00::5 80\n");
    EXPECT_EQ(lines(published({"127.0.0.1:53:5353/udp"})), "udp 127.0.0.1 53 10.213.0.5 5353\n");
    EXPECT_EQ(lines(published({"127.9.0.1:53:53"})), "tcp 127.9.0.1 53 10.213.0.5 53\n");
    EXPECT_EQ(lines(published({"[::1]:53:53"})), "tcp ::1 53 fd00::5 53\n");
    EXPECT_EQ(lines(published({"0.0.0.0:53:53", "[::]:54:54"})), "tcp 127.0.0.1 53 10.213.0.5 53\ntcp ::1 54 fd00::5 54\n");
    EXPECT_EQ(lines(published({"192.0.2.1:53:53", "[2001:db8::1]:53:53"})), "");
    EXPECT_EQ(lines(published({"8080-8081:80-81"}, {"10.213.0.5/16"})),
              "tcp 127.0.0.1 8080 10.213.0.5 80\ntcp 127.0.0.1 8081 10.213.0.5 81\n"
              "tcp ::1 8080 10.213.0.5 80\ntcp ::1 8081 10.213.0.5 81\n");
    EXPECT_EQ(lines(published({"8080:80"}, {})), "");
    EXPECT_EQ(relayed_of(published({"1000-2023:1000-2023"})).size(), 2 * most_relayed_ports);
    EXPECT_EQ(lines(published({"1000-2024:1000-2024"})), "");
}

TEST(Relayed, ThereAndBack)
{
    const auto ports = relayed_of(published({"8080:80", "127.0.0.1:53:5353/udp"}));
    EXPECT_EQ(*parse_relayed(describe_relayed(ports)), ports);
    EXPECT_TRUE(parse_relayed("")->empty());
    for (const char* bad : {"tcp 127.0.0.1 8080 10.213.0.5", "icmp 127.0.0.1 1 10.0.0.1 1", "tcp 127.0.0.1 65536 10.0.0.1 1",
                            "tcp localhost 1 10.0.0.1 1", "tcp 127.0.0.1 1 10.0.0.1 x", "tcp 127.0.0.1 1 10.0.0.1 1 1"})
        EXPECT_EQ(parse_relayed(bad).error().code, Errc::Invalid) << bad;
}

TEST(Published, WhatAnEndpointCan)
{
    const Endpoint v4 = published({}, {"10.213.0.5/16"}).endpoints[0], none = published({}, {}).endpoints[0];
    auto check = [](const Endpoint& endpoint, const char* port) { return check_published(endpoint, *parse_published(port), ""); };
    EXPECT_TRUE(check(v4, "127.0.0.1:80:80"));
    EXPECT_TRUE(check(v4, "[::1]:80:80"));
    EXPECT_FALSE(check(none, "127.0.0.1:80:80"));
    EXPECT_FALSE(check(v4, "[::]:80:80"));
    EXPECT_FALSE(check(v4, "127.0.0.1:1000-2024:1000-2024"));
}

}  // namespace
}  // namespace holm::network
