#include "kernel/event.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace holm::kernel {

Watch::Watch(Watch&& other) noexcept : loop_(std::exchange(other.loop_, nullptr)), id_(other.id_) {}

Watch& Watch::operator=(Watch&& other) noexcept
{
    if (this != &other) {
        reset();
        loop_ = std::exchange(other.loop_, nullptr);
        id_ = other.id_;
    }
    return *this;
}

void Watch::set_events(uint32_t events)
{
    if (!loop_) return;
    EventLoop::Entry& entry = loop_->entries_.at(id_);
    if (entry.events == events) return;
    epoll_event event{.events = events, .data = {.u64 = id_}};
    if (::epoll_ctl(loop_->epoll_.get(), EPOLL_CTL_MOD, entry.fd, &event) == 0) entry.events = events;
}

void Watch::reset()
{
    if (!loop_) return;
    EventLoop* loop = std::exchange(loop_, nullptr);
    auto entry = loop->entries_.find(id_);
    ::epoll_ctl(loop->epoll_.get(), EPOLL_CTL_DEL, entry->second.fd, nullptr);
    loop->entries_.erase(entry);
}

Result<Watch> EventLoop::watch(int fd, uint32_t events, Callback on_event)
{
    uint64_t id = ++last_id_;
    epoll_event event{.events = events, .data = {.u64 = id}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event)) return sys_error("cannot watch a descriptor");
    entries_.emplace(id, Entry{fd, events, std::make_shared<Callback>(std::move(on_event))});
    return Watch(this, id);
}

Result<> EventLoop::dispatch()
{
    std::array<epoll_event, 32> ready;
    int count = ::epoll_wait(epoll_.get(), ready.data(), ready.size(), -1);
    if (count < 0 && errno == EINTR) return {};
    if (count < 0) return sys_error("cannot wait for events");
    for (int i = 0; i < count; ++i) {
        auto entry = entries_.find(ready[static_cast<size_t>(i)].data.u64);
        if (entry == entries_.end()) continue;  // an earlier callback of this round took it away
        std::shared_ptr<Callback> callback = entry->second.callback;
        (*callback)(ready[static_cast<size_t>(i)].events);
    }
    return {};
}

Result<std::unique_ptr<EventLoop>> open_event_loop()
{
    Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll) return sys_error("cannot make an event loop");
    return std::make_unique<EventLoop>(std::move(epoll));
}

Result<> Timer::arm(std::chrono::microseconds after)
{
    if (!fd_) {
        Fd fd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
        if (!fd) return sys_error("cannot make a timer");
        watch_ = TRY(loop_.watch(fd.get(), EPOLLIN, [this](uint32_t) { expire(); }));
        fd_ = std::move(fd);
    }
    // Zero would disarm it; 100 years are for ever.
    int64_t wait = std::clamp<int64_t>(after.count(), 1, int64_t{100} * 365 * 86400 * 1'000'000);
    itimerspec time{.it_interval = {}, .it_value = {.tv_sec = wait / 1'000'000, .tv_nsec = wait % 1'000'000 * 1000}};
    if (::timerfd_settime(fd_.get(), 0, &time, nullptr)) return sys_error("cannot set a timer");
    armed_ = true;
    return {};
}

void Timer::disarm()
{
    itimerspec never{};
    if (fd_) ::timerfd_settime(fd_.get(), 0, &never, nullptr);
    armed_ = false;
}

void Timer::expire()
{
    uint64_t times;
    if (::read(fd_.get(), &times, sizeof times) != sizeof times || !armed_) return;
    armed_ = false;
    auto on_time = on_time_;  // a copy: it may destroy the timer
    on_time();
}

}  // namespace holm::kernel
