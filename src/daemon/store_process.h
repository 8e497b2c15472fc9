// StoreProcess: a job of the image store, done by holm-store, which is started for it. It cleans up after itself when it is cancelled or
// holmd dies. Effects: makes a process.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "kernel/message.h"
#include "systemd/loop.h"

namespace holm::daemon {

class StoreProcess {
public:
    struct Listener {
        std::function<void(uint64_t bytes, uint64_t total)> progress;
        // Once, from the loop: the answer of the job, or why it failed.
        std::move_only_function<void(Result<kernel::Message>)> finished;
    };
    // Destroyed, nobody is called, and the job is cancelled.
    static std::unique_ptr<StoreProcess> start(systemd::Loop& loop, kernel::Message request, Listener listener);
    StoreProcess(const StoreProcess&) = delete;
    StoreProcess& operator=(const StoreProcess&) = delete;

    // It ends soon, with an Error, and leaves nothing.
    void cancel();

private:
    explicit StoreProcess(Listener listener) : listener_(std::move(listener)) {}
    Result<> begin(systemd::Loop& loop, const kernel::Message& request);
    void receive();
    void finish(Result<kernel::Message> result);

    Listener listener_;
    Fd socket_;
    systemd::Source readable_;
};

}  // namespace holm::daemon
