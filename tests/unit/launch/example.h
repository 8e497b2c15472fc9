// A spec and facts that make a plan: what the tests of launch start from, each changing what it is about.
#pragma once

#include "launch/make_plan.h"

namespace holm::launch::example {

inline rootfs::Folder folder(std::string path, uint64_t inode)
{
    return {.path = std::move(path), .id = {1, inode}, .file_system = "ext4", .parents = {{1, 3}, {1, 2}}};
}

// A Debian with systemd in three layers.
inline machine::Spec spec()
{
    machine::Spec spec;
    spec.name = *machine::parse_name("web");
    spec.root.lower = {"/srv/app", "/srv/libs", "/srv/base"};
    return spec;
}

inline Facts facts()
{
    Facts facts;
    facts.rootfs.layers = {folder("/srv/app", 10), folder("/srv/libs", 11), folder("/srv/base", 12)};
    facts.rootfs.upper = rootfs::UpperFacts{.parent = folder("/var/lib/holm", 5)};
    facts.rootfs.host_root = {1, 2};
    facts.rootfs.init = {rootfs::Found::Kind::File, "/sbin/init", "/usr/lib/systemd/systemd", true};
    facts.host = {.memory = uint64_t{8} << 30, .os_release = "ID=debian\n"};
    facts.identity = {"00112233445546778899aabbccddeeff", {machine::IdMapping::Range, 524288, 65536}};
    facts.fresh_id = "ffffffffffff4fffbfffffffffffffff";
    return facts;
}

// Of a machine whose first [[network]] is a network "lan".
inline network::Facts network_facts()
{
    const network::Address gateway = *network::parse_ip("10.213.0.1");
    network::Facts facts;
    facts.segments[0] = {.name = "lan",
                         .interface = "holm-lan",
                         .subnets = {{.block = *network::parse_cidr("10.213.0.0/16"), .gateway = gateway}},
                         .domain = "holm"};
    facts.leases[0] = {
        .machine = "web", .interface = "eth0", .mac = {2, 0, 0x5e, 0x10, 0, 5}, .addresses = {*network::parse_ip("10.213.0.5")}};
    return facts;
}

// The same roots with a command in place of their init.
inline machine::Spec command_spec()
{
    machine::Spec made = spec();
    made.payload.command = {"app", "-v"};
    return made;
}

inline Facts command_facts()
{
    Facts made = facts();
    made.rootfs.init = {};
    made.rootfs.command = {rootfs::Found::Kind::File, "/usr/bin/app", "/usr/lib/app/app", true};
    return made;
}

}  // namespace holm::launch::example
