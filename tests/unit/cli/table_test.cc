#include "cli/table.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace holm::cli {
namespace {

Table machines()
{
    return {.columns = {{"MACHINE", "machine"}, {"STATE", "state"}, {"FROZEN", "frozen", Shown::InJson}, {"LEADER", "leader"}},
            .rows = {{"web", "running", false, uint64_t{4711}}, {"a-very-long-name.example.org", "failed", true, uint64_t{0}}}};
}

TEST(Table, ColumnsAlign)
{
    EXPECT_EQ(describe_table(machines(), {}),
              "MACHINE                      STATE   LEADER\n"
              "web                          running 4711\n"
              "a-very-long-name.example.org failed  -\n"
              "\n2 machines listed.\n");
}

TEST(Table, NoLegendIsRowsAlone)
{
    Table table = machines();
    table.rows.pop_back();
    EXPECT_EQ(describe_table(table, {.legend = false}), "web running 4711\n");
    EXPECT_NE(describe_table(table, {}).find("\n1 machine listed.\n"), std::string::npos);
}

TEST(Table, Empty)
{
    Table table = machines();
    table.rows.clear();
    EXPECT_EQ(describe_table(table, {}), "No machines.\n");
    table.when_empty = "No machine runs; 2 others exist.";
    EXPECT_EQ(describe_table(table, {}), "No machine runs; 2 others exist.\n");
    EXPECT_EQ(describe_table(table, {.legend = false}), "");
    EXPECT_EQ(describe_table(table, {.legend = false}), "");
    EXPECT_EQ(describe_json(table, JsonStyle::Short), "[]\n");
}

TEST(Table, FitsTheTerminal)
{
    for (size_t width : {30u, 35u, 42u, 80u}) {
        std::string text = describe_table(machines(), {.width = width, .legend = false});
        for (std::string_view line : split(text, '\n')) EXPECT_LE(display_width(line), width) << text;
    }
    EXPECT_NE(describe_table(machines(), {.width = 35, .legend = false}).find("a-very-long-name.exam… failed  -"), std::string::npos);
}

TEST(Table, FitCountsCharacters)
{
    EXPECT_EQ(fit("añejo", 5), "añejo");
    EXPECT_EQ(fit("añejo", 4), "añe…");
    EXPECT_EQ(fit("añejo", 1), "…");
    EXPECT_EQ(fit("añejo", 0), "");
    EXPECT_EQ(display_width("añejo…"), 6u);
}

TEST(Table, SentencesAreWrapped)
{
    EXPECT_EQ(wrap("to be or not", 6), (std::vector<std::string>{"to be", "or not"}));
    EXPECT_EQ(wrap("abcdefgh ij", 4), (std::vector<std::string>{"abcd", "efgh", "ij"}));
    EXPECT_EQ(wrap("", 4), std::vector<std::string>{""});
    Table table{.columns = {{"CHECK", "check"}, {"NEXT STEP", "next", Shown::Always, Overflow::Wrap}, {"END", "end"}},
                .rows = {{std::string("disk"), std::string("free space where the state lies"), std::string("x")}}};
    EXPECT_EQ(describe_table(table, {.width = 26}),
              "CHECK NEXT STEP        END\ndisk  free space where x\n      the state lies\n\n1 machine listed.\n");
    const std::string whole = describe_table(table, {});
    EXPECT_NE(whole.find("free space where the state lies x"), std::string::npos);
}

TEST(Table, ColourOnlyWhereItIsWanted)
{
    EXPECT_EQ(describe_table(machines(), {}).find('\x1b'), std::string::npos);
    std::string text = describe_table(machines(), {.colour = true});
    EXPECT_NE(text.find("\x1b[32mrunning\x1b[0m 4711"), std::string::npos);
    EXPECT_NE(text.find("\x1b[1;31mfailed\x1b[0m  -"), std::string::npos);
}

TEST(Table, ControlBytesReachNoTerminal)
{
    Table table{.columns = {{"OS", "os"}}, .rows = {{std::string("\x1b]0;owned\x07")}}};
    EXPECT_EQ(describe_table(table, {.legend = false}), "\\x1b]0;owned\\x07\n");
}

TEST(Table, JsonHasAllUnderItsKeys)
{
    auto list = nlohmann::json::parse(describe_json(machines(), JsonStyle::Short));
    ASSERT_EQ(list.size(), 2u);
    EXPECT_EQ(list[0]["machine"], "web");
    EXPECT_EQ(list[0]["frozen"], false);
    EXPECT_EQ(list[0]["leader"], 4711);
    EXPECT_EQ(list[1]["leader"], 0);
    EXPECT_EQ(nlohmann::json::parse(describe_json(machines(), JsonStyle::Pretty)), list);
}

TEST(Table, JsonOfBytesThatAreNoUtf8)
{
    Table table{.columns = {{"OS", "os"}}, .rows = {{std::string("\xff")}}};
    EXPECT_EQ(nlohmann::json::parse(describe_json(table, JsonStyle::Short))[0]["os"], "\xef\xbf\xbd");
}

}  // namespace
}  // namespace holm::cli
