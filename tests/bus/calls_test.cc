// Calls of a bus: how many are on their way at once, and what becomes of the others.
#include <sys/socket.h>

#include <vector>

#include <gtest/gtest.h>

#include "base/fd.h"
#include "systemd/bus.h"
#include "systemd/loop.h"

namespace holm::test {
namespace {

using systemd::Bus;
using systemd::Loop;
using systemd::MessageHandle;
using systemd::Pending;
using BusHandle = Handle<sd_bus, sd_bus_close_unref>;

BusHandle new_end(int fd, bool server)
{
    sd_bus* bus = nullptr;
    EXPECT_GE(sd_bus_new(&bus), 0);
    EXPECT_GE(sd_bus_set_fd(bus, fd, fd), 0);
    sd_id128_t id{};
    EXPECT_GE(sd_bus_set_server(bus, server, id), 0);
    sd_bus_set_anonymous(bus, 1);
    EXPECT_GE(sd_bus_start(bus), 0);
    return BusHandle(bus);
}

class CallsTest : public testing::Test {
protected:
    CallsTest()
    {
        int ends[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
        peer_ = new_end(ends[0], true);
        EXPECT_TRUE(bus.adopt(new_end(ends[1], false)));
    }
    Pending call()
    {
        return bus.call({.destination = "x.y", .path = "/", .interface = "x.y", .name = "Z"}, systemd::default_timeout,
                        [this](const Result<sd_bus_message*>& answer) { ++(answer ? answered : failed); });
    }
    void run()
    {
        for (int i = 0; i < 300; ++i) {
            EXPECT_TRUE(loop.run_once(std::chrono::milliseconds(1)));
            for (sd_bus_message* message = nullptr; sd_bus_process(peer_.get(), &message) > 0;)
                if (message) waiting.emplace_back(message);
        }
    }
    void answer_all()
    {
        for (const MessageHandle& message : std::exchange(waiting, {})) EXPECT_GE(sd_bus_reply_method_return(message.get(), ""), 0);
    }

    Loop loop = *Loop::open();
    Bus bus{loop};
    std::vector<MessageHandle> waiting;  // that the peer has not answered
    size_t answered = 0, failed = 0;

private:
    BusHandle peer_;
};

TEST_F(CallsTest, WhatIsTooMuchAtOnceWaits)
{
    std::vector<Pending> calls;
    for (int i = 0; i < 250; ++i) calls.push_back(call());
    run();
    EXPECT_EQ(waiting.size(), systemd::most_calls_at_once);
    answer_all();
    run();
    EXPECT_EQ(answered, systemd::most_calls_at_once);
    EXPECT_EQ(waiting.size(), systemd::most_calls_at_once);
    answer_all();
    run();
    EXPECT_EQ(waiting.size(), 50U);
    answer_all();
    run();
    EXPECT_EQ(answered, 250U);
    EXPECT_EQ(failed, 0U);
}

// The other side owes an answer of it still.
TEST_F(CallsTest, ACallThatNobodyWaitsForIsMadeAndCounted)
{
    {
        std::vector<Pending> dropped;
        for (int i = 0; i < 130; ++i) dropped.push_back(call());
    }
    Pending kept = call();
    run();
    EXPECT_EQ(waiting.size(), systemd::most_calls_at_once);
    answer_all();
    run();
    EXPECT_EQ(waiting.size(), 31U);
    answer_all();
    run();
    EXPECT_EQ(answered, 1U);
}

}  // namespace
}  // namespace holm::test
