// What a person who waits for an orderly stop is told.
#include "cli/stopping.h"

#include <gtest/gtest.h>

#include "machine/grammar.h"

namespace holm::cli {
namespace {

using namespace std::chrono_literals;

TEST(Stopping, WhatIsWaitedForAndWhatHappensThen)
{
    EXPECT_EQ(describe_stopping("web", 88s, "stop_timeout"),
              "waiting for machine 'web' to shut down; it is killed within 88s (stop_timeout), or at once by 'holmctl terminate web'");
    EXPECT_NE(describe_stopping("web", 7500ms, "--timeout").find("within 8s (--timeout)"), std::string::npos);
    EXPECT_EQ(describe_stopping("web", machine::infinite, "stop_timeout"),
              "waiting for machine 'web' to shut down, for as long as it takes (stop_timeout); 'holmctl terminate web' kills it");
    EXPECT_EQ(describe_stopping("a\x1b[31m", 1s, "stop_timeout").find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace holm::cli
