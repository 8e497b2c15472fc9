#include "launch/guest_files.h"

#include <gtest/gtest.h>

#include "example.h"
#include "launch/make_plan.h"
#include "machine/guest_files.h"

namespace holm::launch {

namespace {

using rootfs::File;

Facts facts_of_host()
{
    Facts facts = example::facts();
    facts.host.zone = "Europe/Berlin";
    facts.host.has_zone = true;
    facts.host.resolvers[0].content = "nameserver 192.0.2.1\n";
    facts.host.resolvers[2].content = "nameserver 192.0.2.2\n";
    return facts;
}

machine::Spec spec_with(const std::string& timezone, const std::string& resolv_conf)
{
    machine::Spec spec = example::spec();
    spec.identity.timezone = timezone;
    spec.identity.resolv_conf = *machine::parse_resolv_conf(resolv_conf);
    return spec;
}

std::vector<File> files_of(const std::string& timezone, const std::string& resolv_conf, const Facts& facts = facts_of_host())
{
    return make_plan(spec_with(timezone, resolv_conf), facts, {})->rootfs.files;
}

rootfs::Mount bound_to(const std::string& source, const std::string& target, const std::string& key)
{
    return {.source = source, .target = target, .read_only = true, .recursive = false, .id_mapped = false, .key = key};
}

}  // namespace

TEST(GuestFiles, TimezoneOfTheHostOnlyWhereItChangesSomething)
{
    const File link{"/etc/localtime", "../usr/share/zoneinfo/Europe/Berlin", File::Kind::Symlink};
    Facts facts = facts_of_host();
    EXPECT_TRUE(files_of("copy", "off", facts).empty());  // the root does not have the zone
    facts.rootfs.has_zone = true;
    for (const char* word : {"copy", "auto", "symlink"}) EXPECT_EQ(files_of(word, "off", facts), std::vector{link}) << word;
    EXPECT_TRUE(files_of("off", "off", facts).empty());
    facts.rootfs.localtime = "/usr/share/zoneinfo/Europe/Berlin";
    EXPECT_TRUE(files_of("copy", "off", facts).empty());
    facts.rootfs.localtime = "/usr/share/zoneinfo/UTC";
    machine::Spec spec = spec_with("copy", "off");
    spec.root.mode = machine::RootMode::ReadOnly;
    EXPECT_TRUE(make_plan(spec, facts, {})->rootfs.files.empty());
}

TEST(GuestFiles, ATimezoneByNameIsTheRootsOrElseTheHosts)
{
    Facts facts = facts_of_host();
    facts.host.zone = "Asia/Tokyo";
    Plan bound = *make_plan(spec_with("Asia/Tokyo", "off"), facts, {});
    EXPECT_TRUE(bound.rootfs.files.empty());
    EXPECT_EQ(bound.rootfs.mounts, std::vector{bound_to("/usr/share/zoneinfo/Asia/Tokyo", "/etc/localtime", "identity.timezone")});
    facts.rootfs.has_zone = true;
    EXPECT_EQ(files_of("Asia/Tokyo", "off", facts),
              (std::vector{File{"/etc/localtime", "../usr/share/zoneinfo/Asia/Tokyo", File::Kind::Symlink}}));
    facts.rootfs.has_zone = facts.host.has_zone = false;
    const auto refused = make_plan(spec_with("Asia/Tokyo", "off"), facts, {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(
        refused.error().text,
        "neither the root nor this host has the time zone 'Asia/Tokyo': 'timedatectl list-timezones' lists those of the host, the package "
        "tzdata has them");
}

TEST(GuestFiles, TimezoneBoundOrDeleted)
{
    EXPECT_EQ(files_of("delete", "off"), (std::vector{File{"/etc/localtime", "", File::Kind::Remove}}));
    machine::Spec spec = spec_with("bind", "off");
    EXPECT_EQ(make_plan(spec, facts_of_host(), {})->rootfs.mounts,
              std::vector{bound_to("/etc/localtime", "/etc/localtime", "identity.timezone")});
}

TEST(GuestFiles, ResolverWithTheNetworkOfTheHost)
{
    Facts facts = facts_of_host();
    EXPECT_TRUE(files_of("off", "auto").empty());
    machine::Spec spec = spec_with("off", "auto");
    spec.networks = {{.network = "host"}};
    const File written{"/etc/resolv.conf", "nameserver 192.0.2.1\n", File::Kind::Replace};
    EXPECT_EQ(make_plan(spec, facts, {})->rootfs.files, std::vector{written});
    facts.rootfs.resolv_conf_is_link = true;
    EXPECT_TRUE(make_plan(spec, facts, {})->rootfs.files.empty());
}

TEST(GuestFiles, ResolverAsAsked)
{
    const std::string path = "/etc/resolv.conf", host = "nameserver 192.0.2.1\n", uplink = "nameserver 192.0.2.2\n";
    EXPECT_EQ(files_of("off", "copy-host"), (std::vector{File{path, host, File::Kind::Replace}}));
    EXPECT_EQ(files_of("off", "copy-uplink"), (std::vector{File{path, uplink, File::Kind::Replace}}));
    EXPECT_EQ(files_of("off", "replace-uplink"), (std::vector{File{path, uplink, File::Kind::Anew}}));
    EXPECT_EQ(files_of("off", "delete"), (std::vector{File{path, "", File::Kind::Remove}}));
    const Plan bound = *make_plan(spec_with("off", "bind-uplink"), facts_of_host(), {});
    EXPECT_EQ(bound.rootfs.mounts, std::vector{bound_to("/run/systemd/resolve/resolv.conf", path, "identity.resolv_conf")});
    Facts linked = facts_of_host();
    linked.rootfs.resolv_conf_is_link = true;
    EXPECT_TRUE(files_of("off", "copy-host", linked).empty());
    EXPECT_EQ(files_of("off", "replace-host", linked).size(), 1U);
}

TEST(GuestFiles, AResolverThatIsNotThereIsToldOf)
{
    const Plan plan = *make_plan(spec_with("off", "copy-stub"), facts_of_host(), {});
    EXPECT_TRUE(plan.rootfs.files.empty());
    ASSERT_EQ(plan.warnings.size(), 1U);
    EXPECT_EQ(plan.warnings[0],
              "identity.resolv_conf: '/run/systemd/resolve/stub-resolv.conf' of the host is not there or empty: the "
              "machine's own is left as it is");
}

TEST(GuestFiles, AMountOfTheDefinitionStandsInPlaceOfABind)
{
    machine::Spec spec = spec_with("off", "bind-host");
    spec.mounts = {{.source = "/srv/resolv.conf", .target = "/etc/resolv.conf"}};
    Facts facts = facts_of_host();
    facts.rootfs.sources = {{.exists = true, .can_be_id_mapped = true, .file_system = "ext4"}};
    const Plan plan = *make_plan(spec, facts, {});
    ASSERT_EQ(plan.rootfs.mounts.size(), 1U);
    EXPECT_EQ(plan.rootfs.mounts[0].source, "/srv/resolv.conf");
}

}  // namespace holm::launch
