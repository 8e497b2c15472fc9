// Each NAME.toml of this folder is a definition, NAME.plan the plan that `holmctl plan` shows of it on a host that is made up below.
// golden_test --write makes the plans anew, to be read with git diff.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/fd.h"
#include "launch/describe.h"
#include "launch/make_plan.h"
#include "launch/plan_file.h"
#include "machine/spec_file.h"

namespace holm::launch {
namespace {

using rootfs::FileId;
using rootfs::Found;

constexpr const char* folder = GOLDEN_FOLDER;
bool write = false;

rootfs::Folder folder_of(std::string path, uint64_t inode)
{
    return {.path = std::move(path), .id = {1, inode}, .file_system = "ext4", .parents = {{1, 3}, {1, 2}}};
}

// Every network has all defaults, drawn on a host without routes.
network::Facts network_facts_of(const machine::Spec& spec, const std::string& uuid)
{
    network::Facts facts;
    network::HostNetworks host;
    for (const auto& [index, name] : network::networks_of(spec)) {
        const machine::NetworkSpec& wanted = spec.networks[index];
        auto definition = network::parse_definition(*machine::parse_name(name), {});
        facts.segments[index] = *plan_segment(*definition, nullptr, host, 0x0102030405 + index);
        host.segments.push_back(facts.segments[index]);
        network::LeaseRequest request{.machine = spec.name.text(), .uuid = uuid, .interface = network::interface_of(spec, index)};
        request.mac = wanted.mac, request.addresses = wanted.address;
        facts.leases[index] = *plan_lease(facts.segments[index], request, nullptr, {});
    }
    for (const auto& [index, name] : network::links_of(spec)) {
        network::FoundLink& found = facts.links[index];
        found.name = name;
        found.link = {.index = 3, .mac = {0, 0x16, 0x3e, 1, 2, 3}, .mtu = 1500, .names = {"enx00163e010203"}};
    }
    return facts;
}

// A host with 8 GiB where every path exists, on ext4; systemd is the init of every root, and every command is in /usr/bin.
Facts facts_of(const machine::Spec& spec)
{
    Facts facts;
    std::vector<std::string> layers = spec.root.lower;
    if (!spec.root.path.empty()) layers = {spec.root.path};
    if (!spec.root.image.empty()) layers = {"/var/lib/holm/images/" + spec.root.image};
    for (const std::string& layer : layers) facts.rootfs.layers.push_back(folder_of(layer, 10 + facts.rootfs.layers.size()));
    facts.rootfs.host_root = {1, 2};
    if (layers == std::vector<std::string>{"/"}) {
        facts.rootfs.layers[0].id = facts.rootfs.host_root;
        facts.rootfs.seen = {"/var/lib/holm", "/etc/holm/secrets"};
    }
    facts.rootfs.upper = rootfs::UpperFacts{.parent = folder_of("/srv", 3)};
    facts.rootfs.sources.assign(spec.mounts.size(), {.exists = true, .can_be_id_mapped = true, .file_system = "ext4"});
    facts.rootfs.init = {Found::Kind::File, "/sbin/init", "/usr/lib/systemd/systemd", true};
    if (!spec.payload.command.empty()) {
        std::string path = spec.payload.command[0].starts_with('/') ? spec.payload.command[0] : "/usr/bin/" + spec.payload.command[0];
        facts.rootfs.command = {Found::Kind::File, path, path, true};
    }
    facts.host = {.memory = uint64_t{8} << 30, .os_release = "ID=debian\n"};
    facts.identity.uuid = "00112233445546778899aabbccddeeff";
    switch (spec.security.users.kind) {
    case machine::UsersKind::Auto: facts.identity.ids.base = 524288; break;
    case machine::UsersKind::Range:
        facts.identity.ids = {machine::IdMapping::Range, spec.security.users.base, spec.security.users.count};
        break;
    case machine::UsersKind::Identity: facts.identity.ids = {machine::IdMapping::Identity, 0, UINT32_MAX}; break;
    case machine::UsersKind::Host: facts.identity.ids = {machine::IdMapping::Host, 0, UINT32_MAX}; break;
    }
    facts.network = network_facts_of(spec, facts.identity.uuid);
    facts.fresh_id = "ffffffffffff4fffbfffffffffffffff";
    return facts;
}

std::vector<std::string> list_definitions()
{
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (entry.path().extension() == ".toml") names.push_back(entry.path().stem());
    std::ranges::sort(names);
    return names;
}

TEST(Golden, PlansAreAsWritten)
{
    std::vector<std::string> names = list_definitions();
    EXPECT_GE(names.size(), 5U);
    for (const std::string& name : names) {
        SCOPED_TRACE(name);
        auto text = read_file(fmt::format("{}/{}.toml", folder, name));
        ASSERT_TRUE(text);
        machine::Source source{fmt::format("/etc/holm/machines/{}.toml", name), *text};
        auto spec = machine::parse_spec(*machine::parse_name(name), std::span(&source, 1));
        ASSERT_TRUE(spec) << spec.error().text;
        // The names of services begin with "service": what systemd starts has no scope.
        Request request{.unit = name.starts_with("service") ? UnitKind::Service : UnitKind::Scope};
        auto plan = make_plan(*spec, facts_of(*spec), request);
        std::string planned = plan ? describe_plan(*plan) : plan.error().text + "\n", path = fmt::format("{}/{}.plan", folder, name);
        if (plan) {
            EXPECT_EQ(*parse_plan_file(describe_plan_file(*plan), "plan.toml"), *plan);
        }
        if (write) {
            ASSERT_TRUE(replace_file(path, planned));
        }
        auto expected = read_file(path);
        ASSERT_TRUE(expected) << expected.error().text;
        EXPECT_EQ(*expected, planned);
    }
}

}  // namespace
}  // namespace holm::launch

int main(int argc, char** argv)
{
    testing::InitGoogleTest(&argc, argv);
    holm::launch::write = argc > 1 && std::string_view(argv[1]) == "--write";
    return RUN_ALL_TESTS();
}
