// The loop's owners: what may be destroyed when.
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/fd.h"
#include "systemd/loop.h"

namespace holm::test {
namespace {

using systemd::Loop;
using systemd::Source;

class LoopTest : public testing::Test {
protected:
    Loop loop = *Loop::open();
    void run(int rounds = 5)
    {
        for (int i = 0; i < rounds; ++i) ASSERT_TRUE(loop.run_once(std::chrono::milliseconds(5)));
    }
};

TEST_F(LoopTest, ANumberThatIsUsedAgainInTheCallbackIsWatched)
{
    Pair first = *make_pipe(), second;
    unsigned heard = 0;
    Source old_source, new_source;
    old_source = *loop.watch_io(first.first.get(), EPOLLIN, [&](uint32_t) {
        const int number = first.first.get();
        old_source.reset();
        first.first.reset();
        second = *make_pipe();
        ASSERT_EQ(second.first.get(), number);
        new_source = *loop.watch_io(number, EPOLLIN, [&](uint32_t) {
            ++heard;
            new_source.reset();
        });
    });
    ASSERT_TRUE(write_all(first.second.get(), "x"));
    run(2);
    ASSERT_TRUE(write_all(second.second.get(), "y"));
    run();
    EXPECT_EQ(heard, 1U);
}

TEST_F(LoopTest, ADestroyedSourceCallsNobody)
{
    bool called = false;
    {
        Source timer = *loop.after(std::chrono::microseconds(1), [&] { called = true; });
        Source deferred = *loop.defer([&] { called = true; });
    }
    run();
    EXPECT_FALSE(called);
}

TEST_F(LoopTest, DeferredAndTimedCallsComeOnce)
{
    unsigned deferred = 0, timed = 0;
    Source one = *loop.defer([&] { ++deferred; }), two = *loop.after(std::chrono::milliseconds(1), [&] { ++timed; });
    run();
    EXPECT_EQ(deferred, 1U);
    EXPECT_EQ(timed, 1U);
}

TEST_F(LoopTest, AReplacedSourceIsLetGo)
{
    unsigned first = 0, second = 0;
    Source source = *loop.after(std::chrono::milliseconds(1), [&] { ++first; });
    source = *loop.after(std::chrono::milliseconds(1), [&] { ++second; });
    run();
    EXPECT_EQ(first, 0U);
    EXPECT_EQ(second, 1U);
}

}  // namespace
}  // namespace holm::test
