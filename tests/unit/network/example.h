// A network, machines and what they ask for: what the tests of network start from.
#pragma once

#include <gtest/gtest.h>

#include "network/plan.h"

namespace holm::network::example {

inline Definition definition(std::string text, std::string_view name = "lan")
{
    const machine::Source source{"lan.toml", std::move(text)};
    auto parsed = parse_definition(*machine::parse_name(name), std::span(&source, 1));
    EXPECT_TRUE(parsed) << parsed.error().text;
    return parsed ? *parsed : Definition{};
}

inline Segment segment(std::string text = "subnets = [\"10.0.0.0/24\", \"fd00:1::/64\"]", std::string_view name = "lan")
{
    auto planned = plan_segment(definition(std::move(text), name), nullptr, {}, 0x0102030405);
    EXPECT_TRUE(planned) << planned.error().text;
    return planned ? *planned : Segment{};
}

inline machine::Spec spec(std::vector<machine::NetworkSpec> networks, std::string_view name = "web")
{
    machine::Spec spec;
    spec.name = *machine::parse_name(name);
    spec.networks = std::move(networks);
    return spec;
}

constexpr const char* uuid = "00112233445546778899aabbccddeeff";

// Every entry that names a network is on a segment of that name.
inline Facts facts(const machine::Spec& spec, const Segment& of = segment())
{
    Facts facts;
    std::vector<Lease> leases;
    for (const auto& [index, name] : networks_of(spec)) {
        facts.segments[index] = of;
        LeaseRequest request{.machine = spec.name.text(), .uuid = uuid, .interface = interface_of(spec, index)};
        request.mac = spec.networks[index].mac, request.addresses = spec.networks[index].address;
        auto lease = plan_lease(of, request, nullptr, leases);
        EXPECT_TRUE(lease) << lease.error().text;
        if (lease) leases.push_back(*lease), facts.leases[index] = *lease;
    }
    return facts;
}

}  // namespace holm::network::example
