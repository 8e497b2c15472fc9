#include "systemd/loop.h"

#include <csignal>
#include <utility>

namespace holm::systemd {

namespace {
using SourceHandle = Handle<sd_event_source, sd_event_source_disable_unref>;
}

// The callback may drop the last Source of its own watch: each trampoline keeps the watch alive over the call.
struct Source::Watch : std::enable_shared_from_this<Watch> {
    std::move_only_function<void(uint32_t)> callback;
    SourceHandle source;

    static int io(sd_event_source*, int, uint32_t events, void* self) noexcept { return run(self, events); }
    static int time(sd_event_source*, uint64_t, void* self) noexcept { return run(self, 0); }
    static int signal(sd_event_source*, const signalfd_siginfo*, void* self) noexcept { return run(self, 0); }
    static int defer(sd_event_source*, void* self) noexcept { return run(self, 0); }
    static int run(void* self, uint32_t events) noexcept
    {
        auto alive = static_cast<Watch*>(self)->weak_from_this().lock();
        alive->callback(events);
        return 0;
    }
};

Source& Source::operator=(Source&& other) noexcept
{
    if (this != &other) {
        reset();
        watch_ = std::move(other.watch_);
    }
    return *this;
}

// The callback itself may be running: it ends with the last owner of the watch.
void Source::reset()
{
    if (auto watch = std::exchange(watch_, nullptr)) watch->source.reset();
}

Result<Loop> Loop::open()
{
    sd_event* event = nullptr;
    if (int r = sd_event_new(&event); r < 0) return errno_error(-r, "cannot make an event loop");
    return Loop(EventHandle(event));
}

Result<Source> Loop::adopt(std::shared_ptr<Source::Watch> watch, int result, const char* what)
{
    if (result < 0) return errno_error(-result, "cannot watch {}", what);
    return Source(std::move(watch));
}

namespace {
auto ignoring_events(Callback callback)
{
    return [callback = std::move(callback)](uint32_t) mutable { callback(); };
}
}  // namespace

Result<Source> Loop::watch_io(int fd, uint32_t events, std::move_only_function<void(uint32_t)> callback)
{
    auto watch = std::make_shared<Source::Watch>();
    watch->callback = std::move(callback);
    sd_event_source* source = nullptr;
    int r = sd_event_add_io(event_.get(), &source, fd, events, Source::Watch::io, watch.get());
    watch->source.reset(source);
    return adopt(std::move(watch), r, "a descriptor");
}

Result<Source> Loop::after(std::chrono::microseconds delay, Callback callback)
{
    auto watch = std::make_shared<Source::Watch>();
    watch->callback = ignoring_events(std::move(callback));
    sd_event_source* source = nullptr;
    int r = sd_event_add_time_relative(event_.get(), &source, CLOCK_BOOTTIME, static_cast<uint64_t>(delay.count()), 0, Source::Watch::time,
                                       watch.get());
    watch->source.reset(source);
    return adopt(std::move(watch), r, "the clock");
}

Result<Source> Loop::watch_signal(int signal, Callback callback)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    if (::sigprocmask(SIG_BLOCK, &set, nullptr)) return sys_error("cannot block signal {}", signal);
    auto watch = std::make_shared<Source::Watch>();
    watch->callback = ignoring_events(std::move(callback));
    sd_event_source* source = nullptr;
    int r = sd_event_add_signal(event_.get(), &source, signal, Source::Watch::signal, watch.get());
    watch->source.reset(source);
    return adopt(std::move(watch), r, "a signal");
}

Result<Source> Loop::defer(Callback callback)
{
    auto watch = std::make_shared<Source::Watch>();
    watch->callback = ignoring_events(std::move(callback));
    sd_event_source* source = nullptr;
    int r = sd_event_add_defer(event_.get(), &source, Source::Watch::defer, watch.get());
    watch->source.reset(source);
    return adopt(std::move(watch), r, "a deferred call");
}

Result<int> Loop::run()
{
    sd_event_set_watchdog(event_.get(), true);  // where systemd wants to hear from us (WatchdogSec=)
    int r = sd_event_loop(event_.get());
    if (r < 0) return errno_error(-r, "the event loop ended");
    return r;
}

Result<> Loop::run_once(std::chrono::microseconds timeout)
{
    if (int r = sd_event_run(event_.get(), static_cast<uint64_t>(timeout.count())); r < 0) return errno_error(-r, "the event loop ended");
    return {};
}

void Loop::exit(int code)
{
    sd_event_exit(event_.get(), code);
}

}  // namespace holm::systemd
