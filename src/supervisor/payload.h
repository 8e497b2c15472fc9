// Payload: the processes of the machine over all its boots: the unit's cgroup, the run of holm-setup, the leader (PID 1 inside), its
// notify socket. Carries out what the state machine says and posts what comes of it. Effects; outside.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/event.h"
#include "kernel/message.h"
#include "supervisor/child.h"
#include "supervisor/console.h"
#include "supervisor/guest_notify.h"
#include "supervisor/journal.h"
#include "supervisor/setup_run.h"
#include "supervisor/state.h"
#include "supervisor/unit_cgroup.h"

namespace holm::supervisor {

// What a boot is made of, besides the plan.
struct BootOrder {
    std::string setup;  // program
    std::string plan;   // path
    unsigned boots = 1;
    std::vector<Fd> standard;  // standard input, output and error of the payload, or empty: a terminal is made
};

class Payload {
public:
    struct Handlers {
        std::function<void(Event)> post;
        std::function<void(std::string)> on_warning;
        std::function<void(std::string)> on_status;  // STATUS= of the leader
        std::function<bool()> execs_over;            // nothing of an exec is left to be waited for
    };
    Payload(kernel::EventLoop& loop, Journal& journal, Console& console, Handlers handlers);

    Payload(const Payload&) = delete;
    Payload& operator=(const Payload&) = delete;
    ~Payload();

    // Starts holm-setup for the first boot, while that is waited for. Where it cannot be started, boot() says so.
    void prepare(const std::string& setup);
    // Takes the cgroup of the unit into possession: once it is there, before the first boot.
    Result<> open();
    // Errors are of the supervisor's own steps; those of holm-setup come as BootFailed.
    Result<> boot(BootOrder order);
    // holm-setup, which waits for it.
    void go_on();
    // Takes in what holm-setup has said already. True: the payload has been executed or is about to be, and PayloadStarted or BootFailed
    // comes as soon as holm-setup has ended.
    bool is_executing();
    // Ends all, whatever it is at; PayloadGone follows.
    void kill();
    // To be called when something was waited for.
    void check_gone();

    // To a command: the signal, or what does the same to one that has no handler for it. An init that has not got so far as to take
    // notice of it gets it as soon as it does.
    void stop(int signal);
    // To a command as kill(2) on any process; to an init as it is. Errors: Busy.
    Result<> signal_leader(int signal);
    // A key has sent it to a process group: where that is the leader's, and the kernel drops it, it acts as on any process.
    void press(int signal, pid_t group);
    // Of a sandbox the leader alone, which passes it on: the others are the runtime's own processes.
    Result<> signal_all(int signal);

    // Answered once the kernel says so. Errors: Busy (it ends), Timeout.
    void freeze(kernel::Freeze state, std::function<void(Result<>)> on_done);
    // Answers what has come about, when the state that it changed was told.
    void settle_freezes();

    // Of the last boot, once it is over.
    Refusals refusals() const;
    int leader_pidfd() const { return leader_ ? leader_->pidfd() : -1; }
    const UnitCgroup& cgroup() const { return cgroup_; }
    // Gives back the locks of the unit and takes their files away. At the end.
    void release_locks();

private:
    SetupRun::Handlers setup_handlers();
    void on_leader(pid_t pid, Fd pidfd);
    void on_leader_exit(WaitStatus status);
    void on_setup_done(Result<> result);
    void on_notify_socket(Fd socket);
    void post_leader_exit(WaitStatus status);
    void look_again();
    void on_cgroup_change();
    void answer_freezes(const Result<>& result);

    kernel::EventLoop& loop_;
    Journal& journal_;
    Console& console_;
    Handlers handlers_;
    UnitCgroup cgroup_;
    CgroupEvents cgroup_events_;
    std::optional<WaitingSetup> waiting_;
    std::unique_ptr<SetupRun> setup_;  // none: it is over
    std::unique_ptr<Child> leader_;    // none: it has not been made, or has ended
    std::optional<WaitStatus> exit_;   // of a leader that ended before the run of holm-setup did
    std::unique_ptr<GuestNotify> notify_;
    struct Lock {
        std::string path;
        Fd file;  // holds the OFD lock
    };
    std::vector<Lock> locks_;     // of the upper and the like, to the end of the unit
    Fd memory_;                   // an upper in memory, from one boot to the next
    uint64_t memory_kills_ = 0;   // before this boot
    uint64_t tasks_refused_ = 0;  // in this boot, once it is over
    bool killed_ = false;         // kill() was called: when all is gone it is said

    bool boots_init_ = false;  // the leader is the root's own init
    bool is_systemd_ = false;  // which has blocked what it takes
    bool is_sandbox_ = false;  // it stands for a command that is run by an OCI runtime

    // A signal on its way to the leader.
    struct PendingSignal {
        int number;
        bool insist = false;                 // until the leader takes notice of it
        unsigned looks = 0;                  // at which it was found blocked, one after the other
        unsigned asleep = 0;                 // of the last of them: those between which the leader has slept
        std::optional<uint64_t> sleep = {};  // at the last (parse_sleep)
    };
    void deliver(PendingSignal signal);
    void deliver_later(PendingSignal signal);
    std::vector<PendingSignal> pending_signals_;
    kernel::Timer look_again_;

    struct PendingFreeze {
        kernel::Freeze wanted;
        std::function<void(Result<>)> on_done;
    };
    std::vector<PendingFreeze> freezes_;
    kernel::Timer freeze_deadline_;
};

}  // namespace holm::supervisor
