#include "daemon/outcome.h"

#include <gtest/gtest.h>

namespace holm::daemon {
namespace {

using machine::EndResult;

TEST(Outcome, ComesBackAsItWasWritten)
{
    for (EndResult result : {EndResult::Exited, EndResult::Signalled, EndResult::Failed, EndResult::Poweroff, EndResult::Killed}) {
        const Outcome outcome{.result = result,
                              .status = 15,
                              .why = "no command '/bin/x=y'",
                              .boots = 3,
                              .asked = true,
                              .step = "command",
                              .sys_errno = 13,
                              .memory_kills = 2,
                              .tasks_refused = 9,
                              .guest_unit = "nginx.service",
                              .console = {"a", "b=c"}};
        EXPECT_EQ(parse_outcome(describe_outcome(outcome)), outcome) << describe_result(result);
    }
}

TEST(Outcome, ASentenceCannotForgeAnotherLine)
{
    const Outcome outcome{.result = EndResult::Failed, .status = 1, .why = "x\nresult=exited\nstatus=0"};
    auto read = parse_outcome(describe_outcome(outcome));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->result, EndResult::Failed);
    EXPECT_EQ(read->status, 1);
}

TEST(Outcome, IsNoneWithoutAKnownResult)
{
    EXPECT_FALSE(parse_outcome(""));
    EXPECT_FALSE(parse_outcome("status=1\nwhy=x\n"));
    EXPECT_FALSE(parse_outcome("result=dreamt\n"));
}

TEST(Outcome, TakesWhatANewerSupervisorAdds)
{
    auto read = parse_outcome("colour=green\nresult=exited\nstatus=7\nno equals sign\n");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->status, 7);
}

TEST(Outcome, ANumberOutOfRangeIsNotBelieved)
{
    auto read = parse_outcome("result=exited\nstatus=99999999999\nboots=-1\n");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->status, 0);
    EXPECT_EQ(read->boots, 0U);
}

TEST(Outcome, IsAFailureForAPerson)
{
    const Outcome outcome{.result = EndResult::Signalled, .status = 31, .why = "w", .step = "run", .memory_kills = 1};
    EXPECT_EQ(failure_of(outcome), (machine::Failure{.step = "run", .signal = 31, .why = "w", .memory_kills = 1}));
}

}  // namespace
}  // namespace holm::daemon
