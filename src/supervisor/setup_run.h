// Setup run: one run of holm-setup, from the spawn of it to the exec of what it starts: its conversation on the status socket
// (launch/channel.h, part 3). What comes from inside the machine is bounded and checked. Effects: spawns, signals.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/event.h"
#include "kernel/message.h"
#include "supervisor/child.h"
#include "supervisor/packet_stream.h"
#include "supervisor/state.h"

namespace holm::supervisor {

// holm-setup, which waits for its first message: what an exec costs is over before it is needed. It ends with `status`.
struct WaitingSetup {
    std::string path;
    kernel::Child process;
    Fd status;
};

class SetupRun {
public:
    struct Program {
        std::string path;
        std::vector<std::string> arguments;
        int cgroup = -1;  // where it runs; -1: the supervisor's own
    };
    static Result<WaitingSetup> spawn(const Program& program);
    // Each at most once, but for on_lock and on_warning. on_done is the last call; it may destroy the run.
    struct Handlers {
        std::function<void(Facts)> on_facts;
        std::function<void(std::string path, Fd)> on_lock;
        std::function<void(Fd)> on_notify;
        std::function<void(Fd)> on_memory;
        std::function<void(pid_t, Fd)> on_leader;
        std::function<void(Fd)> on_terminal;
        std::function<void(std::string step, std::string why)> on_held;  // it waits for go_on()
        std::function<void(std::string)> on_warning;
        std::function<void(Result<>)> on_done;  // the payload was exec'ed, or why not. holm-setup has ended
    };

    SetupRun(kernel::EventLoop& loop, Handlers handlers) : loop_(loop), handlers_(std::move(handlers)) {}
    // Tells it what to do by `first`.
    Result<> start(WaitingSetup waiting, kernel::Message first);
    // At which holm-setup failed, as it has said; "".
    const std::string& failed_step() const { return failed_step_; }
    void go_on();
    // Takes in a message that has come already. False: there is none. May destroy the run.
    bool take_in() { return status_ && status_->take_in(); }
    // Whether the payload is being executed: the end of the run is near.
    bool is_executing() const;
    // SIGKILL; on_done follows.
    void kill();

private:
    void on_packet(kernel::Packet packet);
    void on_message(kernel::Message& message);
    bool once(std::string_view kind);
    void refuse(std::string_view what);
    void finish();

    kernel::EventLoop& loop_;
    Handlers handlers_;
    std::unique_ptr<PacketStream> status_;  // none: its stream has ended
    std::unique_ptr<Child> setup_;          // none: it has ended
    WaitStatus exit_;
    std::string path_;
    std::vector<std::string> heard_;  // kinds that were said
    unsigned messages_ = 0;
    std::optional<Error> failure_;
    std::string failed_step_;
};

// The facts of "facts". Errors: Invalid.
Result<Facts> parse_facts(const kernel::Message& message);

}  // namespace holm::supervisor
