#include "supervisor/signal_masks.h"

#include <gtest/gtest.h>
#include <signal.h>

namespace holm::supervisor {
namespace {

constexpr uint64_t bit(int signal)
{
    return uint64_t{1} << (signal - 1);
}

TEST(SignalMasks, ParsesTheStatusOfAProcess)
{
    constexpr std::string_view status =
        "Name:\tsystemd\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000000\nSigBlk:\t7fe3c0fe28014a03\n"
        "SigIgn:\t0000000000001000\nSigCgt:\t00000000000004ec\nCapInh:\t0000000000000000\n";
    EXPECT_EQ(parse_signal_masks(status).value(), (SignalMasks{0x7fe3c0fe28014a03, 0x1000, 0x4ec}));
}

TEST(SignalMasks, RefusesWhatIsNone)
{
    EXPECT_FALSE(parse_signal_masks("").has_value());
    EXPECT_FALSE(parse_signal_masks("SigBlk:\t0\nSigIgn:\t0\n").has_value());
    EXPECT_FALSE(parse_signal_masks("SigBlk:\t0\nSigIgn:\t0\nSigCgt:\tx\n").has_value());
    EXPECT_FALSE(parse_signal_masks("SigBlk:\t0\nSigIgn:\t0\nSigCgt:\t\n").has_value());
    EXPECT_FALSE(parse_signal_masks("SigBlk:\t0\nSigIgn:\t0\nSigCgt:\t11111111111111111\n").has_value());
}

// `sleep` as PID 1 handles nothing: what would end any process must end it.
TEST(SignalMasks, UnhandledSignalsOfAnInit)
{
    SignalMasks none;
    EXPECT_EQ(effective_signal(none, SIGTERM), SIGKILL);
    EXPECT_EQ(effective_signal(none, SIGRTMIN + 3), SIGKILL);
    EXPECT_EQ(effective_signal(none, SIGTSTP), SIGSTOP);
    EXPECT_EQ(effective_signal(none, SIGWINCH), SIGWINCH);
    EXPECT_EQ(effective_signal(none, SIGCONT), SIGCONT);
    EXPECT_EQ(effective_signal(none, SIGKILL), SIGKILL);
    EXPECT_EQ(effective_signal(none, SIGSTOP), SIGSTOP);
    EXPECT_EQ(effective_signal(none, 0), 0);
}

TEST(SignalMasks, HandledSignalsStayThemselves)
{
    EXPECT_EQ(effective_signal({.caught = bit(SIGTERM)}, SIGTERM), SIGTERM);
    EXPECT_EQ(effective_signal({.ignored = bit(SIGHUP)}, SIGHUP), SIGHUP);
    EXPECT_EQ(effective_signal({.blocked = bit(64)}, 64), 64);
    EXPECT_EQ(find_notice({.ignored = bit(SIGHUP)}, SIGHUP), Notice::None);
    EXPECT_EQ(find_notice({.blocked = bit(37)}, 37), Notice::Blocked);
    EXPECT_EQ(find_notice({.blocked = bit(37)}, 38), Notice::None);
    EXPECT_EQ(find_notice({.blocked = bit(SIGTERM), .caught = bit(SIGTERM)}, SIGTERM), Notice::Taken);
    EXPECT_EQ(find_notice({}, SIGKILL), Notice::Taken);
}

}  // namespace
TEST(SignalMasks, ASleepIsKnownByTheSwitches)
{
    EXPECT_EQ(parse_sleep("State:\tS (sleeping)\nvoluntary_ctxt_switches:\t40\nnonvoluntary_ctxt_switches:\t2\n"), 42u);
    EXPECT_FALSE(parse_sleep("State:\tR (running)\nvoluntary_ctxt_switches:\t40\nnonvoluntary_ctxt_switches:\t2\n"));
    EXPECT_FALSE(parse_sleep(""));
}

}  // namespace holm::supervisor
