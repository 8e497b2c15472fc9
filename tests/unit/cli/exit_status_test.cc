#include "cli/exit_status.h"

#include <gtest/gtest.h>

namespace holm::cli {
namespace {

TEST(ExitStatus, OfACommandsVerb)
{
    EXPECT_EQ(exit_status_of_error(Errc::NoCommand, FailureStatus::Command), 127);
    EXPECT_EQ(exit_status_of_error(Errc::NotExecutable, FailureStatus::Command), 126);
    for (Errc code : {Errc::Invalid, Errc::NotFound, Errc::Exists, Errc::Busy, Errc::Denied, Errc::NotSupported, Errc::Timeout,
                      Errc::Unavailable, Errc::Failed})
        EXPECT_EQ(exit_status_of_error(code, FailureStatus::Command), 125);
}

TEST(ExitStatus, OfAllOthers)
{
    for (Errc code : {Errc::Invalid, Errc::NoCommand, Errc::NotExecutable, Errc::Failed})
        EXPECT_EQ(exit_status_of_error(code, FailureStatus::One), 1);
}

TEST(ExitStatus, OfASignal)
{
    EXPECT_EQ(exit_status_of_signal(15), 143);
    EXPECT_EQ(exit_status_of_signal(64), 192);
    EXPECT_EQ(exit_status_of_signal(0), 125);
    EXPECT_EQ(exit_status_of_signal(1000), 125);
}

TEST(ExitStatus, OnlyVerbsThatRunACommandHaveItsStatus)
{
    for (const VerbInfo& verb : all_verbs()) {
        bool command = verb.verb == Verb::Run || verb.verb == Verb::Exec || verb.verb == Verb::Shell || verb.verb == Verb::Debug;
        EXPECT_EQ(verb.failure == FailureStatus::Command, command) << verb.name;
    }
}

}  // namespace
}  // namespace holm::cli
