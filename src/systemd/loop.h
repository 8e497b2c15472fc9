// Loop: sd-event(3) with owners. Every watch is a Source; a destroyed Source calls nobody any more. Effects: waits, calls back.
#pragma once

#include <sys/epoll.h>

#include <chrono>
#include <functional>
#include <memory>

#include <systemd/sd-event.h>

#include "base/error.h"
#include "base/handle.h"

namespace holm::systemd {

using Callback = std::move_only_function<void()>;
using EventHandle = Handle<sd_event, sd_event_unref>;

// A watch that lives as long as this owner. It may be destroyed in its own callback: what it watches is let go at once, so that a
// descriptor can be closed right after it and its number be watched anew.
class Source {
public:
    Source() = default;
    Source(Source&& other) noexcept = default;
    Source& operator=(Source&& other) noexcept;
    ~Source() { reset(); }
    explicit operator bool() const { return watch_ != nullptr; }
    void reset();

private:
    friend class Loop;
    struct Watch;
    explicit Source(std::shared_ptr<Watch> watch) : watch_(std::move(watch)) {}
    std::shared_ptr<Watch> watch_;
};

class Loop {
public:
    static Result<Loop> open();

    // Calls back while `fd` has one of `events` (EPOLLIN, EPOLLOUT; EPOLLHUP and EPOLLERR always). The fd stays the caller's.
    Result<Source> watch_io(int fd, uint32_t events, std::move_only_function<void(uint32_t)> callback);
    // Once, after `delay` of CLOCK_BOOTTIME: time in suspend counts.
    Result<Source> after(std::chrono::microseconds delay, Callback callback);
    // At every arrival; the signal is blocked in this process first, as signalfd(2) wants it.
    Result<Source> watch_signal(int signal, Callback callback);
    // Once, when all that is ready now has been dispatched.
    Result<Source> defer(Callback callback);

    // Until exit() is called: its code.
    Result<int> run();
    // One round: waits for at most `timeout`, dispatches what is ready. For tests.
    Result<> run_once(std::chrono::microseconds timeout);
    void exit(int code);

    sd_event* get() const { return event_.get(); }

private:
    explicit Loop(EventHandle event) : event_(std::move(event)) {}
    Result<Source> adopt(std::shared_ptr<Source::Watch> watch, int result, const char* what);
    EventHandle event_;
};

}  // namespace holm::systemd
