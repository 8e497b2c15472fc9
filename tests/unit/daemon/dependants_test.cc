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

}  // namespace
}  // namespace holm::daemon
