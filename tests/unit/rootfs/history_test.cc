// What was sealed of an upper: which layers lie below it, and which nobody needs.
#include "rootfs/history.h"

#include <gtest/gtest.h>

namespace holm::rootfs {
namespace {

const std::string one(32, '1'), two(32, '2'), three(32, '3');

Snapshot tagged(const char* tag)
{
    return {.tag = tag, .created = 5, .layers = {}};
}

TEST(History, SealingPutsTheUpperOnTop)
{
    History history = *plan_seal({}, one, tagged("a"));
    EXPECT_EQ(history.layers, std::vector{one});
    EXPECT_EQ(history.sealing, one);
    history.sealing.clear();
    history = *plan_seal(history, two, tagged("b"));
    EXPECT_EQ(history.layers, (std::vector{two, one}));
    EXPECT_EQ(find_snapshot(history, "a")->layers, std::vector{one});
    history.sealing.clear();
    history = *plan_seal(history, "", tagged("nothing-written"));
    EXPECT_EQ(history.layers, (std::vector{two, one}));
    EXPECT_EQ(history.sealing, "");
    EXPECT_EQ(plan_seal(history, three, tagged("a")).error().code, Errc::Exists);
}

TEST(History, ACopyLeavesTheUpperWhereItIs)
{
    const History history = *plan_copy(*plan_seal({}, one, tagged("a")), two, tagged("b"));
    EXPECT_EQ(history.layers, std::vector{one});
    EXPECT_EQ(find_snapshot(history, "b")->layers, (std::vector{two, one}));
}

TEST(History, ALayerWithoutASnapshotIsOneAllTheSame)
{
    const History history = *plan_layer({}, one);
    EXPECT_EQ(history.layers, std::vector{one});
    EXPECT_EQ(history.sealing, one);
    EXPECT_TRUE(history.snapshots.empty());
    EXPECT_EQ(*plan_layer(history, ""), history);
    History deep;
    for (size_t i = 0; i < most_sealed; ++i) deep.layers.push_back(one);
    EXPECT_EQ(plan_layer(deep, two).error().code, Errc::NotSupported);
}

TEST(History, ARebaseIsUndoneByARollback)
{
    const std::string image = "sha256:" + std::string(64, 'a');
    History before = *plan_seal({}, one, tagged("a"));
    before.sealing.clear();
    History after = *plan_rebase(before, two, tagged("before"), image, {});
    EXPECT_EQ(after.layers, (std::vector{two, one}));
    EXPECT_EQ(after.manifest, image);
    EXPECT_EQ(*parse_history(describe_history(after), "history.toml"), after);
    after.sealing.clear();
    const History undone = *plan_rollback(after, "", "before");
    EXPECT_EQ(undone.layers, (std::vector{two, one}));
    EXPECT_EQ(undone.manifest, "");
    EXPECT_EQ(plan_rebase(before, two, tagged("before"), image, {three, one})->layers, (std::vector{three, one}));
}

TEST(History, RollbackGoesThereAndBack)
{
    History history = *plan_seal(*plan_seal({}, one, tagged("a")), two, tagged("b"));
    history.next_start = "c";
    history = *plan_rollback(history, three, "a");
    EXPECT_EQ(history.layers, std::vector{one});
    EXPECT_EQ(history.sealing, three);
    EXPECT_EQ(history.next_start, "");
    EXPECT_EQ(plan_rollback(history, three, "b")->layers, (std::vector{two, one}));
    auto missing = plan_rollback(history, three, "c");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Errc::NotFound);
    EXPECT_NE(missing.error().text.find("a, b"), std::string::npos) << missing.error().text;
}

TEST(History, OnlyWhatNobodyNeedsIsUnused)
{
    History history = *plan_seal(*plan_seal({}, one, tagged("a")), two, tagged("b"));
    const std::vector<std::string> there = {one, two, three, history_file, ".new-x"};
    EXPECT_EQ(unused_layers(history, there), std::vector{three});
    history = *plan_forget(history, "b");
    EXPECT_EQ(unused_layers(history, there), std::vector{three}) << "the machine's own";
    history = *plan_rollback(history, three, "a");
    EXPECT_EQ(unused_layers(history, there), (std::vector{two, three}));
    EXPECT_FALSE(plan_forget(history, "b"));
    history.snapshots = {{.tag = "1"}, {.tag = "2"}, {.tag = "3"}};
    EXPECT_EQ(plan_keep(history, 3), history);
    EXPECT_EQ(plan_keep(history, 2).snapshots, (std::vector<Snapshot>{{.tag = "2"}, {.tag = "3"}}));
}

TEST(History, StandsInAFile)
{
    History history = *plan_copy(*plan_seal({}, one, tagged("a")), two, tagged("b.2_c"));
    history.snapshots.back().frozen = 1234;
    history.next_start = "later";
    auto read = parse_history(describe_history(history), "h");
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(*read, history);
    EXPECT_EQ(*parse_history(describe_history({}), "h"), History{});
    EXPECT_FALSE(parse_history("layers = [\"../../etc\"]\n", "h"));
    EXPECT_FALSE(parse_history("[[snapshot]]\ntag = \"../x\"\n", "h"));
    EXPECT_FALSE(parse_history("unknown = 1\n", "h"));
}

TEST(History, TagsAreFileNamesForNobody)
{
    for (const char* good : {"a", "before-upgrade", "1.2_3", "20261122-073012"}) EXPECT_TRUE(parse_tag(good)) << good;
    for (const char* bad : {"", "-a", ".a", "a/b", "a b", "ä", "a\n"}) EXPECT_FALSE(parse_tag(bad)) << bad;
    EXPECT_FALSE(parse_tag(std::string(65, 'a')));
}

TEST(History, OverlayfsTakesNoMore)
{
    History history;
    for (size_t i = 0; i < most_sealed; ++i)
        history = *plan_seal(history, fmt::format("{:032x}", i), tagged(fmt::format("t{}", i).c_str()));
    auto one_more = plan_seal(history, three, tagged("x"));
    ASSERT_FALSE(one_more);
    EXPECT_EQ(one_more.error().code, Errc::NotSupported);
}

}  // namespace
}  // namespace holm::rootfs
