// Execs: the commands that are run in the machine beside its payload, each in a cgroup payload/holm-exec-N of its own, started by
// `holm-setup --exec`, with a session to the client (launch/channel.h, parts 2 and 3). Effects; outside.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>

#include "kernel/event.h"
#include "kernel/message.h"
#include "supervisor/child.h"
#include "supervisor/packet_stream.h"
#include "supervisor/setup_run.h"
#include "supervisor/unit_cgroup.h"

namespace holm::supervisor {

class Execs {
public:
    static constexpr size_t max_execs = 1000;

    struct Machine {
        std::string setup;  // program
        std::string plan;   // path
        int leader = -1;    // pidfd
    };
    // on_change: a process ended, or a session is done.
    Execs(kernel::EventLoop& loop, const UnitCgroup& cgroup, std::function<void()> on_change)
        : loop_(loop), cgroup_(cgroup), on_change_(std::move(on_change))
    {
    }

    // Takes the request "exec" with its descriptors: the session, and the three standard ones where there is no terminal. What comes of
    // it is told to the session. Errors: Invalid, Busy (too many).
    Result<> start(const Machine& machine, kernel::Message request);
    // No process is left to be waited for. (Sessions may still have their last word to take.)
    bool over() const;
    bool has_sessions() const;

private:
    struct Exec {
        std::string name;                       // "holm-exec-7"
        std::unique_ptr<PacketStream> session;  // none: the client is gone, or has its last word
        std::unique_ptr<SetupRun> setup;        // none: it is over
        std::unique_ptr<Child> leader;          // none: not made yet, or ended
        std::optional<WaitStatus> exit;         // of a leader that ended before the run of holm-setup did
        Fd cgroup;
        std::unique_ptr<CgroupEvents> events;     // none: its cgroup is removed
        std::unique_ptr<kernel::Timer> deadline;  // of its start
        bool bound = false;                       // all of it is killed at the end of its session
        bool told = false;                        // the session has its last word
    };
    using Item = std::list<Exec>::iterator;

    Result<> launch(const Machine& machine, Item exec, kernel::Message request);
    SetupRun::Handlers setup_handlers(Item exec);
    void on_session(Item exec, kernel::Packet packet);
    void on_leader_exit(Item exec, WaitStatus status);
    void on_setup_done(Item exec, const Result<>& result);
    void tell_last(Item exec, kernel::Message message);
    void remove_if_over(Item exec);
    // Forgets it once nothing of it is left; an empty cgroup goes.
    void settle(Item exec);

    kernel::EventLoop& loop_;
    const UnitCgroup& cgroup_;
    std::function<void()> on_change_;
    std::list<Exec> execs_;
    uint64_t last_number_ = 0;
};

}  // namespace holm::supervisor
