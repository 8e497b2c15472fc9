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
                    .stop_signal = "SIGQUIT"};

TEST(PayloadDefaults, FillInWhatTheMachineLeavesOpen)
{
    machine::Spec spec;
    spec.payload.environment = {{"B", "own"}, {"C", "own"}};
    ASSERT_TRUE(apply_payload_defaults(config, spec));
    EXPECT_EQ(spec.payload.command, (std::vector<std::string>{"/entry", "serve"}));
    EXPECT_EQ(spec.payload.user, "www-data");
    EXPECT_EQ(spec.payload.working_directory, "/srv");
    EXPECT_TRUE(spec.payload.makes_working_directory);
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
    EXPECT_EQ(spec.payload.stop_signal, SIGTERM);
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
