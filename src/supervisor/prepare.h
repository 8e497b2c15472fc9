// Prepare: the run of holm-prepare, by which the supervisor of a service gets its plan from holmd. Effects: spawns, signals.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "kernel/event.h"
#include "supervisor/child.h"

namespace holm::supervisor {

inline constexpr auto prepare_timeout = std::chrono::seconds(90);

class Prepare {
public:
    // on_done: once; an error is what the program wrote to its standard error. It may destroy this.
    Prepare(kernel::EventLoop& loop, std::function<void(Result<>)> on_done);
    Result<> start(const std::string& program, const std::string& machine);
    ~Prepare();

private:
    void read_errors();
    void on_exit(WaitStatus status);

    kernel::EventLoop& loop_;
    std::function<void(Result<>)> on_done_;
    std::unique_ptr<Child> child_;
    Fd errors_;
    kernel::Watch errors_watch_;
    std::string text_;
    bool late_ = false;
    kernel::Timer deadline_;
};

}  // namespace holm::supervisor
