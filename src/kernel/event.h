// Event: a loop of one thread over epoll(7): descriptors and timers call back. Effects: waits.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/fd.h"

namespace holm::kernel {

class EventLoop;

// The owner of one registration: destroyed, it never calls again, also when it is destroyed by its own or another callback.
// The descriptor is borrowed: declare the Watch after its Fd, so that it goes first. The loop outlives its watches.
class Watch {
public:
    Watch() = default;
    Watch(Watch&& other) noexcept;
    Watch& operator=(Watch&& other) noexcept;
    ~Watch() { reset(); }

    // EPOLLIN, EPOLLOUT, …; 0 waits for EPOLLHUP and EPOLLERR only, which epoll always tells.
    void set_events(uint32_t events);
    void reset();
    explicit operator bool() const { return loop_ != nullptr; }

private:
    friend class EventLoop;
    Watch(EventLoop* loop, uint64_t id) : loop_(loop), id_(id) {}
    EventLoop* loop_ = nullptr;
    uint64_t id_ = 0;
};

class EventLoop {
public:
    using Callback = std::function<void(uint32_t events)>;

    explicit EventLoop(Fd epoll) : epoll_(std::move(epoll)) {}
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    // Level-triggered. Errors: those of epoll_ctl(2).
    Result<Watch> watch(int fd, uint32_t events, Callback on_event);
    // Waits until something happens and calls back for all that has.
    Result<> dispatch();

private:
    friend class Watch;
    struct Entry {
        int fd;
        uint32_t events;
        std::shared_ptr<Callback> callback;  // shared: a callback may destroy its own watch
    };
    Fd epoll_;
    std::map<uint64_t, Entry> entries_;
    uint64_t last_id_ = 0;
};

Result<std::unique_ptr<EventLoop>> open_event_loop();

// A timer on CLOCK_MONOTONIC: a jump of the wall clock does not move it, and the sleep of the host does not count.
class Timer {
public:
    Timer(EventLoop& loop, std::function<void()> on_time) : loop_(loop), on_time_(std::move(on_time)) {}
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    // Calls once, `after` from now; arming again moves it.
    Result<> arm(std::chrono::microseconds after);
    void disarm();
    bool armed() const { return armed_; }

private:
    void expire();
    EventLoop& loop_;
    std::function<void()> on_time_;
    Fd fd_;  // made when first armed
    Watch watch_;
    bool armed_ = false;
};

}  // namespace holm::kernel
