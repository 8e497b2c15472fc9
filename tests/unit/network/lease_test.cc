#include "network/lease.h"

#include <gtest/gtest.h>

#include <set>

#include "example.h"

namespace holm::network {
namespace {

LeaseRequest request(const std::string& machine, std::vector<std::string> addresses = {}, std::string mac = "")
{
    return {.machine = machine, .uuid = machine + "-id", .interface = "eth0", .mac = std::move(mac), .addresses = std::move(addresses)};
}

std::vector<Lease> fill(const Segment& segment, int count)
{
    std::vector<Lease> leases;
    for (int i = 0; i < count; ++i) {
        auto lease = plan_lease(segment, request(fmt::format("m{}", i)), nullptr, leases);
        EXPECT_TRUE(lease) << lease.error().text;
        if (lease) leases.push_back(*lease);
    }
    return leases;
}

TEST(PlanLease, ASmallSubnetIsUsedToItsLast)
{
    const Segment segment = example::segment("subnets = [\"10.0.0.0/26\"]");
    const std::vector<Lease> leases = fill(segment, 61);
    std::set<Address> addresses;
    std::set<Mac> macs;
    for (const Lease& lease : leases) {
        addresses.insert(lease.addresses.at(0));
        macs.insert(lease.mac);
    }
    EXPECT_EQ(addresses.size(), 61U);
    EXPECT_EQ(macs.size(), 61U);
    for (const char* never : {"10.0.0.0", "10.0.0.1", "10.0.0.63"}) EXPECT_FALSE(addresses.contains(*parse_ip(never)));
    auto full = plan_lease(segment, request("late"), nullptr, leases);
    EXPECT_EQ(full.error().code, Errc::Busy);
    EXPECT_EQ(full.error().text, "network 'lan' (10.0.0.0/26) is full: 61 of 61 addresses are taken");
}

TEST(PlanLease, StaysWhenOthersGo)
{
    const Segment segment = example::segment();
    std::vector<Lease> leases = fill(segment, 100);
    const Lease last = leases.back();
    leases.erase(leases.begin(), leases.begin() + 99);
    EXPECT_EQ(*plan_lease(segment, request("m99"), &last, leases), last);
    EXPECT_EQ(plan_lease(segment, request("m99"), nullptr, {})->mac, last.mac);
}

TEST(PlanLease, AnotherSubnetAnotherAddress)
{
    const Lease before = *plan_lease(example::segment(), request("web"), nullptr, {});
    const Segment moved = example::segment("subnets = [\"10.9.0.0/24\"]");
    const Lease lease = *plan_lease(moved, request("web"), &before, {});
    ASSERT_EQ(lease.addresses.size(), 1U);
    EXPECT_TRUE(contains(moved.subnets[0].block, lease.addresses[0]));
    EXPECT_EQ(lease.mac, before.mac);
}

TEST(PlanLease, WhatIsAskedFor)
{
    const Segment segment = example::segment();
    const Lease lease = *plan_lease(segment, request("web", {"10.0.0.9/24", ""}, "02:00:5e:10:00:05"), nullptr, {});
    EXPECT_EQ(describe(lease.mac), "02:00:5e:10:00:05");
    ASSERT_EQ(lease.addresses.size(), 2U);
    EXPECT_EQ(describe(lease.addresses[0]), "10.0.0.9");
    EXPECT_EQ(describe(lease.addresses[1]), "fd00:1::5eff:fe10:5");
    EXPECT_EQ(plan_lease(segment, request("web", {"fd00:1::9", "10.0.0.9", "10.0.0.8"}), nullptr, {})->addresses,
              (std::vector<Address>{*parse_ip("10.0.0.9"), *parse_ip("10.0.0.8"), *parse_ip("fd00:1::9")}));
}

TEST(PlanLease, Refusals)
{
    const Segment segment = example::segment();
    const std::vector<Lease> others = {*plan_lease(segment, request("db", {"10.0.0.9"}, "02:00:5e:10:00:05"), nullptr, {})};
    auto refusal = [&](std::vector<std::string> addresses, std::string mac = "") {
        auto lease = plan_lease(segment, request("web", std::move(addresses), std::move(mac)), nullptr, others);
        return lease ? "" : lease.error().text;
    };
    EXPECT_EQ(refusal({"10.0.0.0"}), "the address 10.0.0.0 of network 'lan' is the network's own");
    EXPECT_EQ(refusal({"10.0.0.1"}), "the address 10.0.0.1 of network 'lan' is the gateway's");
    EXPECT_EQ(refusal({"10.0.0.255"}), "the address 10.0.0.255 of network 'lan' is for broadcasts");
    EXPECT_EQ(refusal({"fd00:1::1"}), "the address fd00:1::1 of network 'lan' is the gateway's");
    EXPECT_EQ(refusal({"10.0.1.5"}), "the address 10.0.1.5 is in no subnet of network 'lan'");
    EXPECT_EQ(refusal({"10.0.0.5/16"}), "the address 10.0.0.5/16 of network 'lan' has the length /24 there");
    EXPECT_EQ(refusal({"10.0.0.9"}), "the address 10.0.0.9 is machine 'db''s on network 'lan'");
    EXPECT_EQ(refusal({}, "02:00:5e:10:00:05"), "the MAC address 02:00:5e:10:00:05 is machine 'db''s on network 'lan'");
    EXPECT_NE(refusal({}, "01:00:5e:10:00:05"), "");
    EXPECT_NE(refusal({"10.0.0.5", "10.0.0.5"}), "");
    EXPECT_EQ(refusal({"10.0.0.5"}), "");
}

TEST(PlanLease, ADerivedMacThatIsTakenIsDrawnAgain)
{
    const Segment segment = example::segment();
    Lease other = *plan_lease(segment, request("web"), nullptr, {});
    other.machine = "db", other.addresses = {};
    const Lease lease = *plan_lease(segment, request("web"), nullptr, std::span(&other, 1));
    EXPECT_NE(lease.mac, other.mac);
    EXPECT_EQ(lease.mac[0] & 0x0f, 0x02);
}

TEST(PlanLease, TwoInterfacesOfOneMachine)
{
    const Segment segment = example::segment();
    LeaseRequest second = request("web");
    second.interface = "eth1";
    const Lease first = *plan_lease(segment, request("web"), nullptr, {});
    const Lease other = *plan_lease(segment, second, nullptr, std::span(&first, 1));
    EXPECT_NE(first.mac, other.mac);
    EXPECT_NE(first.addresses, other.addresses);
    EXPECT_EQ(*plan_lease(segment, request("web"), &first, std::span(&first, 1)), first);  // its own is no other's
}

TEST(LeaseFile, ThereAndBack)
{
    const Lease lease = *plan_lease(example::segment(), request("web"), nullptr, {});
    EXPECT_EQ(*parse_lease(describe_lease(lease), "web.lease"), lease);
    EXPECT_FALSE(parse_lease("", "web.lease"));
    EXPECT_FALSE(parse_lease("machine = \"web\"\ninterface = \"eth0\"\nmac = \"x\"", "web.lease"));
}

}  // namespace
}  // namespace holm::network
