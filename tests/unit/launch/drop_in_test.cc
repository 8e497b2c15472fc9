#include "launch/drop_in.h"

#include <gtest/gtest.h>

#include "machine/grammar.h"
#include "machine/spec_file.h"

namespace holm::launch {
namespace {

std::string drop_in_of(std::string text)
{
    const machine::Source source{"web.toml", std::move(text)};
    auto spec = machine::parse_spec(*machine::parse_name("web"), std::span(&source, 1));
    return spec ? describe_drop_in(*spec) : spec.error().text;
}

constexpr const char* head = "# Written by holm-generator from the definition of 'web'.\n[Unit]\n";

TEST(DropIn, SaysWhatTheLeastDefinitionNeeds)
{
    EXPECT_EQ(drop_in_of("root.path = \"/srv/web\""), std::string(head) + "Description=Machine web\nRequiresMountsFor=\"/srv/web\"\n");
    EXPECT_EQ(drop_in_of("root.path = \"/\""), std::string(head) + "Description=Machine web\n");
}

TEST(DropIn, SaysAllOfIt)
{
    EXPECT_EQ(drop_in_of(R"(
description = "front end"
[root]
lower = ["/srv/app", "/srv/base"]
upper = "/srv/up"
[[mount]]
source = "/srv/www"
target = "/var/www"
[[mount]]
source = "/srv/maybe"
target = "/var/maybe"
optional = true
[[credential]]
name = "x"
file = "/etc/holm/secrets/x"
[unit]
slice = "machine-shop.slice"
after = ["machine:db", "a.service"]
requires = ["machine:db"]
wants = ["b.service"]
)"),
              std::string(head) +
                  "Description=Machine web: front end\nAfter=holm@db.service a.service\nRequires=holm@db.service\nWants=b.service\n"
                  "RequiresMountsFor=\"/etc/holm/secrets/x\" \"/srv/app\" \"/srv/base\" \"/srv/up\" \"/srv/www\"\n"
                  "\n[Service]\nSlice=machine-shop.slice\n");
}

TEST(DropIn, ItsOrderingIsWhatUnitSays)
{
    EXPECT_EQ(ordering_of(drop_in_of("description = \"x\"\nroot.path = \"/srv/web\"")), "");
    EXPECT_EQ(ordering_of(drop_in_of("root.path = \"/srv/web\"\n[unit]\nslice = \"a.slice\"\nafter = [\"machine:db\"]")),
              "After=holm@db.service\nSlice=a.slice\n");
    EXPECT_EQ(ordering_of(drop_in_of("root.path = \"/srv/web\"\n[resources]\nMemoryMax = \"1G\"\nBPFProgram = \"egress:/x\"")),
              "BPFProgram=egress:/x\n");
}

TEST(DropIn, NothingInAValueActsOnSystemd)
{
    EXPECT_EQ(quote_value("50% of %i"), "50%% of %%i");
    EXPECT_EQ(quote_value("a\nExecStart=/bin/x"), "a ExecStart=/bin/x");
    EXPECT_EQ(quote_value("goes on \\"), "goes on \\ ");
    EXPECT_EQ(quote_path("/srv/a b"), "\"/srv/a b\"");
    EXPECT_EQ(quote_path("/srv/100%"), "\"/srv/100%%\"");
    EXPECT_EQ(quote_path("/srv/\"x\"'y"), "\"/srv/\\\"x\\\"'y\"");
    EXPECT_EQ(quote_path("/srv/a\\"), "\"/srv/a\\\\\"");
    EXPECT_EQ(drop_in_of("description = \"x\\\\\"\nroot.path = \"/srv/web\"").find("x\\ \n") == std::string::npos, false);
}

TEST(DropIn, TheTimerOfAShutdownHasOneTime)
{
    auto last_line = [](std::chrono::microseconds timeout) {
        const std::string text = describe_shutdown_timer(timeout), list = "\n[Timer]\nOnActiveSec=\n";
        const size_t at = text.find(list);
        return at == text.npos ? text : text.substr(at + list.size());
    };
    EXPECT_EQ(last_line(std::chrono::minutes(5)), "OnActiveSec=300s\n");
    EXPECT_EQ(last_line(*machine::parse_duration("infinity")), "OnActiveSec=infinity\n");
}

}  // namespace
}  // namespace holm::launch
