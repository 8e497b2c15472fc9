// Who needs a machine.
#include "daemon/dependants.h"

#include <gtest/gtest.h>

namespace holm::daemon {
namespace {

machine::Spec spec(const char* name)
{
    machine::Spec spec;
    spec.name = *machine::parse_name(name);
    return spec;
}

TEST(Dependants, AreNamedWithTheKey)
{
    machine::Spec db = spec("db"), by_unit = spec("web"), by_layer = spec("copy"), by_mount = spec("backup"), other = spec("other");
    by_unit.unit.requires_ = {"network.target", "holm@db.service"};
    by_layer.root.lower = {"/srv/base", "/var/lib/holm/machines/db/upper"};
    by_mount.mounts.push_back({.source = "/var/lib/holm/machines/db"});
    other.unit.requires_ = {"holm@db2.service"};
    other.root.path = "/var/lib/holm/machines/db2/upper";
    other.unit.after = {"holm@db.service"};  // an order is no need
    db.root.upper = "/var/lib/holm/machines/db/upper";
    const std::vector<machine::Spec> all = {db, by_unit, by_layer, by_mount, other};
    const auto found = find_dependants(db.name, "/var/lib/holm/machines/db", all);
    EXPECT_EQ(found, (std::vector<std::string>{"'web' (unit.requires)", "'copy' (root.lower[1])", "'backup' (mount[0].source)"}));
    EXPECT_TRUE(find_dependants(other.name, "/var/lib/holm/machines/other", all).empty());
}

TEST(Dependants, OfAPlainImageNameItOrAPathInIt)
{
    const std::vector<std::string> names = {"base", "base.raw"};
    auto needs = [&](auto change) {
        machine::Spec web = spec("web");
        change(web);
        return names_plain(web, names, "/var/lib/machines/base");
    };
    using machine::MountType, machine::Spec;
    EXPECT_FALSE(needs([](Spec&) {}));
    EXPECT_TRUE(needs([](Spec& it) { it.root.image = "base"; }));
    EXPECT_TRUE(needs([](Spec& it) { it.root.image = "base.raw"; }));
    EXPECT_FALSE(needs([](Spec& it) { it.root.image = "base-2"; }));
    EXPECT_TRUE(needs([](Spec& it) { it.root.path = "/var/lib/machines/base"; }));
    EXPECT_FALSE(needs([](Spec& it) { it.root.path = "/var/lib/machines/base-2"; }));
    EXPECT_TRUE(needs([](Spec& it) { it.root.lower = {"/srv/app", "/var/lib/machines/base"}; }));
    EXPECT_TRUE(needs([](Spec& it) { it.root.upper = "/var/lib/machines/base/upper"; }));
    EXPECT_FALSE(needs([](Spec& it) { it.root.upper = "/var/lib/machines/base.upper"; }));
    EXPECT_TRUE(needs([](Spec& it) { it.mounts.push_back({.source = "base", .type = MountType::Image}); }));
    EXPECT_FALSE(needs([](Spec& it) { it.mounts.push_back({.source = "base", .type = MountType::Volume}); }));
    EXPECT_TRUE(needs([](Spec& it) { it.mounts.push_back({.source = "/var/lib/machines/base/etc"}); }));
    EXPECT_TRUE(needs([](Spec& it) {
        it.mounts.push_back({.source = "/srv/top", .type = MountType::Overlay, .options = {"nodev", "lower=/var/lib/machines/base"}});
    }));
}

TEST(Dependants, WhatRunsUsesItsLayersAndMounts)
{
    rootfs::Plan plan;
    plan.lower = {"/srv/root"};
    plan.mounts = {{.source = "/srv/data"}, {.source = "/srv/top", .lower = {"/srv/middle", "/srv/base/etc"}}};
    for (const char* path : {"/srv/root", "/srv/data", "/srv/top", "/srv/middle", "/srv/base"}) EXPECT_TRUE(uses(plan, path)) << path;
    for (const char* path : {"/srv/ro", "/srv/base/etc/deeper", "/srv/other"}) EXPECT_FALSE(uses(plan, path)) << path;
}

}  // namespace
}  // namespace holm::daemon
