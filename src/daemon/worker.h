// Worker: a child of holmd for what may block (a dead file system) or may take long. It has a deadline, reports over a socket,
// and dies with holmd. Effects: makes a process.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"
#include "kernel/message.h"
#include "systemd/loop.h"

namespace holm::daemon {

class Worker {
public:
    // In the child: tells which path is about to be touched, so that holmd can name the one that hangs.
    using LookingAt = std::function<void(std::string_view path)>;
    using Job = std::function<Result<kernel::Message>(const LookingAt&)>;
    using Finished = std::move_only_function<void(Result<kernel::Message>)>;

    // Runs `job` in a child and calls `finished` once, from the loop: with what the job gave, with why there is no child, or with
    // Timeout after `deadline`, when the child is killed. `what` names the work in that error. Destroyed, nobody is called.
    static std::unique_ptr<Worker> start(systemd::Loop& loop, std::string what, std::chrono::seconds deadline, const Job& job,
                                         Finished finished);
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker();

private:
    Worker(std::string what, Finished finished) : what_(std::move(what)), finished_(std::move(finished)) {}
    Result<> begin(systemd::Loop& loop, std::chrono::seconds deadline, const Job& job);
    void receive();
    void expire(std::chrono::seconds deadline);
    void finish(Result<kernel::Message> result);

    std::string what_, looking_at_;
    Finished finished_;
    Fd socket_, process_;
    systemd::Source readable_, deadline_;
};

}  // namespace holm::daemon
