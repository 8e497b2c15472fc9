#include "image/payload_defaults.h"

#include <csignal>

#include <gtest/gtest.h>

namespace holm::image {
namespace {

const Config config{.entrypoint = {"/entry"},
                    .command = {"serve"},
                    .user = "www-data",
                    .working_directory = "/srv",
                    .environment = {{"A", "image"}, {"B", "image"}},
                    .stop_signal = "SIGQUIT",
                    .healthcheck = {.test = {"CMD", "check", "-q"}, .interval = 5'000'000'000, .timeout = 500'000'000, .retries = 5}};

TEST(PayloadDefaults, FillInWhatTheMachineLeavesOpen)
{
    machine::Spec spec;
    spec.payload.environment = {{"B", "own"}, {"C", "own"}};
    ASSERT_TRUE(apply_payload_defaults(config, spec));
    EXPECT_EQ(spec.payload.command, (std::vector<std::string>{"/entry", "serve"}));
    EXPECT_EQ(spec.payload.user, "www-data");
    EXPECT_EQ(spec.payload.working_directory, "/srv");
    EXPECT_TRUE(spec.payload.makes_working_directory);
    ASSERT_TRUE(spec.health);
    EXPECT_EQ(
        *spec.health,
        (machine::HealthSpec{
            .command = {"check", "-q"}, .interval = std::chrono::seconds(5), .timeout = std::chrono::milliseconds(500), .retries = 5}));
    EXPECT_EQ(spec.payload.stop_signal, SIGQUIT);
    EXPECT_EQ(spec.payload.environment, (std::vector<std::pair<std::string, std::string>>{{"A", "image"}, {"B", "own"}, {"C", "own"}}));
}

TEST(PayloadDefaults, LeaveWhatTheMachineSays)
{
    machine::Spec spec;
    spec.payload.command = {"sh"};
    spec.payload.user = "root";
    spec.payload.working_directory = "/";
    spec.payload.stop_signal = SIGTERM;
    spec.origins = {{"payload.user", {}}, {"payload.working_directory", {}}};
    ASSERT_TRUE(apply_payload_defaults(config, spec));
    EXPECT_EQ(spec.payload.command, std::vector<std::string>{"sh"});
    EXPECT_EQ(spec.payload.user, "root");
    EXPECT_EQ(spec.payload.working_directory, "/");
    EXPECT_FALSE(spec.payload.makes_working_directory);
    EXPECT_FALSE(spec.health) << "it is of the image's command";
    EXPECT_EQ(spec.payload.stop_signal, SIGTERM);
}

TEST(PayloadDefaults, LeaveTheHealthThatTheMachineSays)
{
    machine::Spec spec;
    spec.health = machine::HealthSpec{.port = 80};
    ASSERT_TRUE(apply_payload_defaults(config, spec));
    EXPECT_EQ(*spec.health, machine::HealthSpec{.port = 80});
}

TEST(Health, IsAsDockerHasItAndBounded)
{
    auto of = [](Healthcheck check) { return health_of({.healthcheck = std::move(check)}); };
    EXPECT_FALSE(of({}));
    EXPECT_FALSE(of({.test = {"NONE"}}));
    EXPECT_FALSE(of({.test = {"NONE", "x"}}));
    EXPECT_FALSE(of({.test = {"CMD"}}));
    const auto plain = of({.test = {"CMD-SHELL", "a || b"}});
    ASSERT_TRUE(plain);
    EXPECT_EQ(*plain,
              (machine::HealthSpec{
                  .command = {"/bin/sh", "-c", "a || b"}, .interval = std::chrono::seconds(30), .timeout = std::chrono::seconds(30)}));
    const auto least = of({.test = {"CMD", "x"}, .interval = 1, .timeout = 1, .retries = 1});
    const auto most = of({.test = {"CMD", "x"}, .interval = INT64_MAX, .timeout = INT64_MAX, .retries = INT64_MAX});
    ASSERT_TRUE(least && most);
    EXPECT_EQ(least->interval, std::chrono::seconds(1));
    EXPECT_EQ(least->timeout, std::chrono::milliseconds(1));
    EXPECT_EQ(most->interval, std::chrono::days(1));
    EXPECT_EQ(most->timeout, std::chrono::days(1));
    EXPECT_EQ(most->retries, 1000U);
}

TEST(PayloadDefaults, AreNothingToAMachineThatBoots)
{
    machine::Spec spec, untouched;
    spec.payload.boot = untouched.payload.boot = true;
    ASSERT_TRUE(apply_payload_defaults(config, spec));
    EXPECT_EQ(spec, untouched);
    machine::Spec plain;
    ASSERT_TRUE(apply_payload_defaults({.user = "www-data"}, plain));
    EXPECT_EQ(plain, machine::Spec());  // it boots: nothing is said of a command
}

TEST(PayloadDefaults, AreCheckedAsADefinitionIs)
{
    machine::Spec spec;
    EXPECT_FALSE(apply_payload_defaults({.command = {"x"}, .user = "4294967296"}, spec));
    EXPECT_FALSE(apply_payload_defaults({.command = {"x"}, .working_directory = "relative"}, spec));
    EXPECT_FALSE(apply_payload_defaults({.command = {"x"}, .stop_signal = "NOSUCH"}, spec));
}

}  // namespace
}  // namespace holm::image
