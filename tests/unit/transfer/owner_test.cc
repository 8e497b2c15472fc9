#include "transfer/owner.h"

#include <gtest/gtest.h>

namespace holm::transfer {

namespace {

constexpr machine::IdRange range{.mapping = machine::IdMapping::Range, .base = 524288, .count = 65536};
constexpr machine::IdRange host{.mapping = machine::IdMapping::Host};
using namespace std::string_literals;

TEST(Owner, MapsIdsBothWays)
{
    EXPECT_EQ(id_inside(range, 524288), 0u);
    EXPECT_EQ(id_inside(range, 525288), 1000u);
    EXPECT_EQ(id_outside(range, 1000), 525288u);
    EXPECT_EQ(id_inside(host, 1000), 1000u);
    EXPECT_EQ(id_outside(host, 1000), 1000u);
}

// Nobody's file must not become root's, on either side.
TEST(Owner, AnIdWithoutACounterpartIsNobodys)
{
    EXPECT_EQ(id_inside(range, 0), nobody);
    EXPECT_EQ(id_inside(range, 524288 + 65536), nobody);
    EXPECT_EQ(id_inside(range, UINT32_MAX), nobody);
    EXPECT_EQ(id_outside(range, 65536), 524288 + nobody);
    const machine::IdRange small{.mapping = machine::IdMapping::Range, .base = 1000000, .count = 10};
    EXPECT_EQ(id_outside(small, 70), 1000009u);
}

TEST(Owner, CarriesWhatAUserMaySet)
{
    for (const char* name : {"user.comment", "system.posix_acl_access", "system.posix_acl_default", "security.capability"})
        EXPECT_TRUE(is_carried(name)) << name;
    for (const char* name : {"trusted.overlay.opaque", "security.selinux", "security.ima", "system.nfs4_acl", ""})
        EXPECT_FALSE(is_carried(name)) << name;
}

TEST(Owner, MapsTheIdsOfAnAcl)
{
    // version 2; owner rw-, user 1000 r--, mask r--, other ---
    const std::string inside =
        "\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff\x02\0\x04\0\xe8\x03\0\0\x10\0\x04\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff"s;
    std::string outside = inside;
    outside.replace(16, 4, "\xe8\x03\x08\0"s);  // 525288
    EXPECT_EQ(map_attribute("system.posix_acl_access", inside, range, Direction::Out), outside);
    EXPECT_EQ(map_attribute("system.posix_acl_access", outside, range, Direction::In), inside);
    EXPECT_EQ(map_attribute("system.posix_acl_access", inside, host, Direction::Out), inside);
}

TEST(Owner, RefusesAnAclThatIsNone)
{
    for (const std::string& value : {""s, "\x02\0\0"s, "\x01\0\0\0"s, "\x02\0\0\0\x01"s, "\x02\0\0\0\x01\0\x06\0\xff\xff\xff"s})
        EXPECT_FALSE(map_attribute("system.posix_acl_access", value, range, Direction::Out));
}

TEST(Owner, GivesCapabilitiesTheMachinesRoot)
{
    const std::string plain = "\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0"s,
                      mine = "\x01\0\0\x03\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x08\0"s;
    EXPECT_EQ(map_attribute("security.capability", plain, range, Direction::Out), mine);
    EXPECT_EQ(map_attribute("security.capability", mine, range, Direction::In), plain);
    EXPECT_EQ(map_attribute("security.capability", plain, host, Direction::Out), plain);
    std::string others = mine;
    others[23] = '\x01';
    EXPECT_FALSE(map_attribute("security.capability", others, range, Direction::In)) << "of another range";
    EXPECT_FALSE(map_attribute("security.capability", "short", range, Direction::In));
}

}  // namespace

}  // namespace holm::transfer
