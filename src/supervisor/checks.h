// Checks: whether the machine is ready, or in health, by a command inside or by a port of it that listens. One at a time; what is
// due while the machine is frozen waits. Effects: starts commands in the machine, reads /proc; outside.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>

#include "kernel/event.h"
#include "kernel/message.h"
#include "supervisor/packet_stream.h"
#include "supervisor/state.h"

namespace holm::supervisor {

class Checks {
public:
    struct Handlers {
        std::function<Result<>(kernel::Message)> exec;  // the request "exec" (launch/channel.h), with its descriptors
        std::function<int()> leader;                    // pid; 0: none
        std::function<bool()> paused;                   // the machine is frozen
        std::function<void(Event)> post;                // ReadyChecked, HealthChanged
    };
    Checks(kernel::EventLoop& loop, Handlers handlers);

    // Asks from now on what is wanted in this phase; the same again changes nothing.
    void follow(Checking wanted, unsigned boot, const Facts& facts);
    // Asks once, for somebody else. Errors, to `on_done`: of the check itself; a machine that does not pass is false.
    void ask(const Check& check, std::function<void(Result<bool>)> on_done);

private:
    // One check on its way. Its command dies with the session.
    struct Run {
        std::unique_ptr<PacketStream> session;
        std::unique_ptr<kernel::Timer> deadline;
        std::function<void(Result<bool>)> on_done;
        void finish(Result<bool> result);
    };
    std::unique_ptr<Run> start(const Check& check, Microseconds timeout, std::function<void(Result<bool>)> on_done);
    void look();
    void on_ready(const Result<bool>& passed);
    void on_health(const Result<bool>& passed);

    kernel::EventLoop& loop_;
    Handlers handlers_;
    Checking wanted_ = Checking::Nothing;
    unsigned boot_ = 0;
    Facts facts_;
    unsigned failures_ = 0;  // of the health, in a row
    std::unique_ptr<Run> run_;
    std::list<std::unique_ptr<Run>> asked_, over_;  // over_: answered, to be destroyed by the next
    kernel::Timer timer_;
};

}  // namespace holm::supervisor
