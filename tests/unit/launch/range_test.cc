// The choice of id ranges: never two that overlap, the same name at the same place.
#include "launch/range.h"

#include <gtest/gtest.h>

#include <set>

namespace holm::launch {
namespace {

const auto all_free = [](uint32_t) { return true; };

TEST(PickRange, SameNameSameRange)
{
    auto first = pick_range("web", {}, {}, all_free), second = pick_range("web", {}, {}, all_free);
    EXPECT_EQ(first->base, second->base);
    EXPECT_EQ(first->base % 65536, 0U);
    EXPECT_EQ(first->count, 65536U);
    EXPECT_GE(first->base, 524288U);
    EXPECT_LE(first->base, 1878982656U);
    EXPECT_NE(first->base, pick_range("db", {}, {}, all_free)->base);
}

TEST(PickRange, ASmallPoolIsUsedToItsLast)
{
    RangePool pool{524288, 65536 * 5};
    std::vector<TakenRange> taken;
    std::set<uint32_t> bases;
    for (int i = 0; i < 5; ++i) {
        auto range = pick_range(fmt::format("m{}", i), pool, taken, all_free);
        ASSERT_TRUE(range);
        EXPECT_EQ(find_overlap(range->base, range->count, taken), nullptr);
        taken.push_back({range->base, range->count, "x"});
        bases.insert(range->base);
    }
    EXPECT_EQ(bases.size(), 5U);
    auto none = pick_range("m5", pool, taken, all_free);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, Errc::Busy);
}

TEST(PickRange, WhatIsNotFreeIsSkipped)
{
    uint32_t first = pick_range("web", {}, {}, all_free)->base;
    uint32_t next = pick_range("web", {}, {}, [&](uint32_t base) { return base != first; })->base;
    EXPECT_NE(next, first);
    std::vector<TakenRange> one_id = {{uint64_t{first} + 65535, 1, "x"}};
    EXPECT_NE(pick_range("web", {}, one_id, all_free)->base, first);
}

TEST(PickRange, PoolsThatHoldNothing)
{
    EXPECT_FALSE(pick_range("web", {524288, 0}, {}, all_free));
    EXPECT_FALSE(pick_range("web", {524289, 65536}, {}, all_free));
    EXPECT_EQ(pick_range("web", {524289, 65536 * 2}, {}, all_free)->base, 589824U);
    EXPECT_EQ(pick_range("web", {4294836224, 131071}, {}, all_free)->base, 4294836224U);
}

TEST(CheckRange, Refusals)
{
    std::vector<TakenRange> taken = {{589824, 65536, "machine 'db'"}};
    EXPECT_TRUE(check_range(524288, 65536, taken));
    EXPECT_EQ(check_range(524288, 65537, taken).error().text, "the id range 524288:65537 overlaps 589824:65536 of machine 'db'");
    EXPECT_EQ(check_range(655359, 65536, taken).error().code, Errc::Busy);
    EXPECT_EQ(check_range(0, 65536, {}).error().code, Errc::Invalid);
    EXPECT_EQ(check_range(65535, 65536, {}).error().code, Errc::Invalid);
    EXPECT_EQ(check_range(524288, 0, {}).error().code, Errc::Invalid);
    EXPECT_FALSE(check_range(4294901760, 65536, {}));  // 4294967295 is no id
    EXPECT_TRUE(check_range(4294901760, 65535, {}));
    EXPECT_FALSE(check_range(UINT32_MAX, UINT32_MAX, {}));
}

TEST(SubordinateIds, LinesOfSubuid)
{
    auto ranges =
        parse_subordinate_ids("alice:100000:65536\n\n# x:1:2\nbob:165536:65536\nbroken\nc:1\nd:x:1\ne:1:0\nf:1:2:3\n", "/etc/subuid");
    ASSERT_EQ(ranges.size(), 2U);
    EXPECT_EQ(ranges[0], (TakenRange{100000, 65536, "/etc/subuid (alice)"}));
    EXPECT_EQ(ranges[1].base, 165536U);
}

TEST(OwnIds, LinesOfPasswdAndGroup)
{
    auto ids = parse_own_ids("root:x:0:0:root:/root:/bin/sh\n\nbroken\nx:x:-1:0\nbig:x:600000:600000::/:/bin/sh\n", "/etc/passwd");
    ASSERT_EQ(ids.size(), 2U);
    EXPECT_EQ(ids[1], (TakenRange{600000, 1, "/etc/passwd (big)"}));
    EXPECT_EQ(parse_own_ids("adm:x:4:alice,bob\n", "/etc/group").front(), (TakenRange{4, 1, "/etc/group (adm)"}));
}

}  // namespace
}  // namespace holm::launch
