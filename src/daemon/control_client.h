// ControlClient: holmd's end of the control conversation with one supervisor (launch/channel.h, 1). Effects: sends and receives.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "daemon/outcome.h"
#include "kernel/message.h"
#include "machine/name.h"
#include "systemd/loop.h"

namespace holm::daemon {

inline constexpr std::chrono::seconds control_deadline{5};  // a supervisor answers at once, or it is stopped or stuck

// What a supervisor says of its machine.
struct SupervisorState {
    enum class Phase { Starting, Started, Running, Stopping, Ended };
    Phase phase = Phase::Starting;
    pid_t leader = 0;
    unsigned boots = 0;
    bool executed = false;  // the payload of this boot
    bool frozen = false;
    std::string health;  // "healthy", "unhealthy" or ""
    std::string held;    // the step at which the start is held, "" where it is not
    std::string held_why;
    unsigned restarts = 0;        // by its policy, in this life,
    std::string restarted_after;  // how the boot before the last of them ended,
    bool restarting = false;      // and one is being made
    uint64_t next_boot = 0;       // CLOCK_MONOTONIC in µs; 0: it does not wait for one
    struct Moments {
        uint64_t booting = 0, leader = 0, started = 0, ready = 0;
        bool operator==(const Moments&) const = default;
    } moments;        // of this boot, but `ready` of the first: CLOCK_MONOTONIC in µs; 0: not yet
    Outcome outcome;  // of Ended; why: of any phase
};
// Errors: Invalid.
Result<SupervisorState> parse_state(const kernel::Message& message);

// The standing connection, over which the supervisor tells its states; each request is asked over a connection of its own, so that
// a slow answer holds up no other and a late one meets nobody.
class ControlClient {
public:
    struct Listener {
        std::move_only_function<void(const SupervisorState&)> state;
        std::move_only_function<void(const std::string& text)> warning;
        std::move_only_function<void()> lost;  // the supervisor is gone, or talks nonsense; comes last
    };
    using Answered = std::move_only_function<void(Result<kernel::Message>)>;

    // Over the channel of a supervisor that holmd has spawned; then subscribe() after "go".
    static Result<std::unique_ptr<ControlClient>> adopt(systemd::Loop& loop, const machine::MachineName& name, Fd channel,
                                                        Listener listener);
    // To a supervisor that runs, subscribed. Errors: NotFound, Unavailable (nobody listens), Busy (try again).
    static Result<std::unique_ptr<ControlClient>> connect(systemd::Loop& loop, const machine::MachineName& name, Listener listener);
    ControlClient(const ControlClient&) = delete;
    ControlClient& operator=(const ControlClient&) = delete;
    ~ControlClient();

    // "go" with the client's descriptors, once.
    Result<> go(const kernel::Message& message);
    Result<> subscribe();
    // Asks; calls back once from the loop, with "ok" or another answer, or an Error: the supervisor's own, Timeout, Unavailable.
    // Destroying this client drops it.
    void ask(kernel::Message message, Answered answered);
    // What is still asked, with the answers that have come before the end. They are not called.
    using Unanswered = std::pair<Answered, Result<kernel::Message>>;
    std::vector<Unanswered> give_up();
    // Takes in what the supervisor has said already, without waiting.
    void catch_up() { receive(); }
    // Who is at the other end, as the kernel says.
    pid_t peer() const;

private:
    class Request;
    ControlClient(systemd::Loop& loop, const machine::MachineName& name, Fd socket, Listener listener);
    void receive();
    bool dispatch(const kernel::Message& message);
    void begin_next();

    systemd::Loop& loop_;
    machine::MachineName name_;
    Fd socket_;
    Listener listener_;
    systemd::Source readable_;
    std::list<std::unique_ptr<Request>> asking_;
    std::deque<std::pair<kernel::Message, Answered>> waiting_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // false once a callback has destroyed this
};

}  // namespace holm::daemon
