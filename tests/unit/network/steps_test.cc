// Steps between two plans: what leaves, joins and changes.
#include "network/steps.h"

#include <gtest/gtest.h>

namespace holm::network {
namespace {

Endpoint endpoint(std::string interface, std::string network)
{
    return {.network = std::move(network), .host_interface = "hm" + interface, .interface = interface, .gateways = {*parse_ip("10.0.0.1")}};
}

Plan plan(std::vector<Endpoint> endpoints)
{
    return {.kind = Kind::Endpoints, .endpoints = std::move(endpoints)};
}

TEST(Steps, WhatIsTheSameIsLeftAlone)
{
    const Plan one = plan({endpoint("eth0", "lan"), endpoint("eth1", "back")});
    EXPECT_EQ(steps_between(one, one), Steps());
    Plan without_second_route = one;
    without_second_route.endpoints[1].gateways.clear();  // it was never a route
    EXPECT_EQ(steps_between(one, without_second_route), Steps());
}

TEST(Steps, LeaveJoinAndChange)
{
    const Plan before = plan({endpoint("eth0", "lan"), endpoint("eth1", "back")});
    Plan after = plan({endpoint("eth0", "lan"), endpoint("eth2", "dmz")});
    after.endpoints[0].published = {{.protocol = "tcp", .host_first = 80, .host_last = 80, .first = 80, .last = 80}};
    EXPECT_EQ(steps_between(before, after), (Steps{.leave = {"eth1"}, .join = {"eth2"}, .change = {"eth0"}}));
}

TEST(Steps, AnotherNetworkIsAnotherInterface)
{
    const Plan before = plan({endpoint("eth0", "lan")}), after = plan({endpoint("eth0", "dmz")});
    EXPECT_EQ(steps_between(before, after), (Steps{.leave = {"eth0"}, .join = {"eth0"}, .change = {}}));
}

}  // namespace
}  // namespace holm::network
