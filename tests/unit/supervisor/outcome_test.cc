#include "supervisor/outcome.h"

#include <gtest/gtest.h>
#include <signal.h>

namespace holm::supervisor {
namespace {

TEST(Outcome, ResultFileIsOneLineAKey)
{
    Outcome outcome{OutcomeKind::Failed, 1, false, error(Errc::Failed, "two\nlines=1")};
    EXPECT_EQ(describe_result(outcome, 2), "result=failed\nstatus=1\nwhy=two\\x0alines=1\nboots=2\n");
    EXPECT_EQ(describe_result({OutcomeKind::Signalled, 9, false, {}}, 1), "result=signalled\nstatus=9\nwhy=\nboots=1\n");
}

TEST(Outcome, ExitCodes)
{
    EXPECT_EQ(exit_code({OutcomeKind::Exited, 77, false, {}}), 77);
    EXPECT_EQ(exit_code({OutcomeKind::Exited, 77, true, {}}), 0);
    EXPECT_EQ(exit_code({OutcomeKind::Signalled, SIGSEGV, false, {}}), 139);
    EXPECT_EQ(exit_code({OutcomeKind::Poweroff, 0, false, {}}), 0);
    EXPECT_EQ(exit_code({OutcomeKind::Killed, 9, false, error(Errc::Timeout, "late")}), 1);
    EXPECT_EQ(exit_code({OutcomeKind::Killed, 9, true, {}}), 0);
}

TEST(Outcome, StatusInWords)
{
    EXPECT_EQ(describe_status({false, 3}), "exit status 3");
    EXPECT_EQ(describe_status({true, SIGKILL}), "signal SIGKILL");
}

}  // namespace
}  // namespace holm::supervisor
