#include "supervisor/options.h"

#include <gtest/gtest.h>

#include <vector>

namespace holm::supervisor {
namespace {

Result<Options> parse(std::vector<std::string_view> arguments)
{
    return parse_options(arguments);
}

TEST(Options, ServiceHasThePlanOfItsName)
{
    Options options = parse({"--machine=web"}).value();
    EXPECT_EQ(options.mode, Mode::Service);
    EXPECT_EQ(options.plan, "/run/holm/machines/web/plan.toml");
    EXPECT_EQ(options.setup, "/usr/lib/holm/holm-setup");
}

TEST(Options, ScopeAndByHand)
{
    Options scope = parse({"--machine=web", "--plan=/p", "--channel=3"}).value();
    EXPECT_EQ(scope.mode, Mode::Scope);
    EXPECT_EQ(scope.channel, 3);
    EXPECT_EQ(parse({"--plan=/p", "--machine=web"}).value().mode, Mode::ByHand);
}

TEST(Options, WhatMakesNoSense)
{
    EXPECT_FALSE(parse({}).has_value());
    EXPECT_FALSE(parse({"--machine="}).has_value());
    EXPECT_FALSE(parse({"--machine=../x"}).has_value());
    EXPECT_FALSE(parse({"--machine=web", "--channel=3"}).has_value());
    EXPECT_FALSE(parse({"--machine=web", "--plan=/p", "--channel=0"}).has_value());
    EXPECT_FALSE(parse({"--machine=web", "--plan=/p", "--channel=-1"}).has_value());
    EXPECT_FALSE(parse({"--machine=web", "--verbose=1"}).has_value());
    EXPECT_FALSE(parse({"web"}).has_value());
}

}  // namespace
}  // namespace holm::supervisor
