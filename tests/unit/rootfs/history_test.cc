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
    const History undone = *plan_undo(after, "", 0);
    EXPECT_EQ(undone.layers, (std::vector{two, one}));
    EXPECT_EQ(undone.manifest, "");
    EXPECT_EQ(plan_undo(undone, "", 0).error().code, Errc::NotFound) << "it stands on none any more";
    EXPECT_EQ(plan_rebase(before, two, tagged("before"), image, {three, one})->layers, (std::vector{three, one}));
}

TEST(History, OnlyTheRebaseThatItStandsOnIsUndone)
{
    const std::string image = "sha256:" + std::string(64, 'a'), other = "sha256:" + std::string(64, 'b');
    History first = *plan_rebase({}, one, tagged("before-1"), image, {});
    first.sealing.clear();
    History second = *plan_rebase(first, two, tagged("before-2"), other, {});
    second.sealing.clear();
    EXPECT_EQ(plan_undo(second, "", 0)->manifest, image);
    const History sealed = *plan_seal(second, three, tagged("before-3"));
    EXPECT_EQ(plan_undo(sealed, "", 0)->layers, (std::vector{two, one})) << "a later snapshot is no rebase";
    const auto removed = plan_undo(*plan_forget(second, "before-2"), "", 0);
    ASSERT_FALSE(removed) << "not the one before it";
    EXPECT_EQ(removed.error().code, Errc::NotFound);
    EXPECT_NE(removed.error().text.find("before-2"), std::string::npos) << removed.error().text;
    for (const char* tag : {"before-1", "before-2"}) {
        const auto rolled = plan_undo(*plan_rollback(second, "", tag, 0), "", 0);
        ASSERT_FALSE(rolled);
        EXPECT_NE(rolled.error().text.find("not rebased"), std::string::npos) << rolled.error().text;
    }
}

TEST(History, WhatIsPromisedIsKept)
{
    const History promised = *plan_put_off(*plan_seal({}, one, tagged("a")), "later");
    for (const char* tag : {"a", "later", "later2"}) EXPECT_EQ(plan_put_off(promised, tag).error().code, Errc::Exists) << tag;
    EXPECT_NE(plan_put_off(promised, "later2").error().text.find("--remove=later'"), std::string::npos);
    EXPECT_EQ(plan_seal(promised, two, tagged("later")).error().code, Errc::Exists);
    EXPECT_EQ(plan_copy(promised, two, tagged("later")).error().code, Errc::Exists);
    EXPECT_EQ(plan_seal(promised, two, tagged("b"))->next_start, "later") << "another one takes nothing from it";
    EXPECT_EQ(plan_forget(promised, "later")->next_start, "");
    EXPECT_TRUE(find_snapshot(*plan_forget(promised, "later"), "a"));

    const History made = *plan_promised(promised, two, 7);
    EXPECT_EQ(made.next_start, "");
    EXPECT_EQ(made.layers, (std::vector{two, one}));
    EXPECT_EQ(find_snapshot(made, "later")->created, 7u);
    History twice = promised;  // as an earlier holmd may have left it
    twice.next_start = "a";
    EXPECT_EQ(plan_promised(twice, two, 7).error().code, Errc::Exists);
    EXPECT_TRUE(find_snapshot(*plan_forget(twice, "a"), "a")) << "the promise goes first";

    const std::string image = "sha256:" + std::string(64, 'a');
    const History rebased = *plan_rebase(promised, two, tagged("before"), image, {});
    EXPECT_EQ(find_snapshot(rebased, "later")->layers, (std::vector{two, one}));
    EXPECT_EQ(find_snapshot(rebased, "later")->manifest, "");
    EXPECT_EQ(find_snapshot(rebased, "before")->layers, (std::vector{two, one}));
    EXPECT_EQ(rebased.sealing, two);
    EXPECT_EQ(rebased.next_start, "");
}

TEST(History, NoRollbackChangesWhatAPromisedImageIsMadeOf)
{
    History history = *plan_seal({}, one, tagged("a"));
    history.next_image = "web-1";
    for (const auto& refused : {plan_rollback(history, two, "a", 0), plan_rebase(history, two, tagged("b"), "sha256:a", {})}) {
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, Errc::Busy);
        EXPECT_NE(refused.error().text.find("'web-1'"), std::string::npos) << refused.error().text;
    }
}

TEST(History, RollbackGoesThereAndBack)
{
    History history = *plan_seal(*plan_seal({}, one, tagged("a")), two, tagged("b"));
    history.next_start = "c";
    history = *plan_rollback(history, three, "a", 7);
    EXPECT_EQ(history.layers, std::vector{one});
    EXPECT_EQ(history.sealing, three);
    EXPECT_EQ(history.next_start, "");
    EXPECT_EQ(find_snapshot(history, "c")->layers, (std::vector{three, two, one})) << "what was promised of the state that goes";
    EXPECT_EQ(find_snapshot(history, "c")->created, 7u);
    EXPECT_EQ(plan_rollback(history, three, "b", 7)->layers, (std::vector{two, one}));
    auto missing = plan_rollback(history, three, "d", 7);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Errc::NotFound);
    EXPECT_NE(missing.error().text.find("a, b, c"), std::string::npos) << missing.error().text;
    EXPECT_EQ(state_of(history, "c")->layers, (std::vector{three, two, one}));
    EXPECT_EQ(state_of(history, "d").error().code, Errc::NotFound);
}

TEST(History, OnlyWhatNobodyNeedsIsUnused)
{
    History history = *plan_seal(*plan_seal({}, one, tagged("a")), two, tagged("b"));
    const std::vector<std::string> there = {one, two, three, history_file, ".new-x"};
    EXPECT_EQ(unused_layers(history, there), std::vector{three});
    history = *plan_forget(history, "b");
    EXPECT_EQ(unused_layers(history, there), std::vector{three}) << "the machine's own";
    history = *plan_rollback(history, three, "a", 0);
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
    history.rebased_from = "b.2_c";
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
    EXPECT_TRUE(parse_tag("before-rebase-20261122-073012.123"));
    EXPECT_FALSE(parse_new_tag("before-rebase-20261122-073012.123"));
    EXPECT_FALSE(parse_new_tag("a/b"));
    EXPECT_EQ(*parse_new_tag("before-upgrade"), "before-upgrade");
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
