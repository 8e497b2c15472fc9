// Supervisor: one machine's main process. Callbacks translate what happens into events, one queue of them goes through the state
// machine, and its actions are carried out here. Effects; outside.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "kernel/event.h"
#include "kernel/signal.h"
#include "supervisor/checks.h"
#include "supervisor/console.h"
#include "supervisor/control.h"
#include "supervisor/execs.h"
#include "supervisor/journal.h"
#include "supervisor/manager.h"
#include "supervisor/options.h"
#include "supervisor/payload.h"
#include "supervisor/prepare.h"
#include "supervisor/state.h"

namespace holm::supervisor {

class Supervisor {
public:
    Supervisor(kernel::EventLoop& loop, Options options, Manager manager);
    // To the end of the machine: the exit code of the process.
    Result<int> run(Fd signals);

private:
    // supervisor.cc: the life
    Result<> begin();
    void post(Event event) { events_.push_back(std::move(event)); }
    void settle();
    void settle_events();
    bool is_executing();
    void carry_out(Action action);
    void on_signal(const kernel::ReceivedSignal& received);
    void on_channel_end();
    void plan_ready();
    void boot();
    std::vector<Fd> take_standard();
    void arm_deadline();
    void tell_started();
    void tell_ready();
    void tell_health();
    void tell_held();
    void tell_rest();
    void warn(const std::string& text);
    void tell_guest_status(std::string text);
    void end();
    void tell_end();
    void check_end();
    void leave();

    // requests.cc: what connections ask
    void on_request(Control::Origin origin, kernel::Message request, Control::Reply reply);
    void stop();
    Result<> go(kernel::Message& request);
    Result<> exec(kernel::Message request);
    Result<> attach(kernel::Message& request);
    Result<> kill(const kernel::Message& request);
    void signal_payload(int signal);
    void press(int signal, int group);
    void freeze(kernel::Freeze wanted, Control::Reply reply);
    void check(const kernel::Message& request, Control::Reply reply);
    kernel::Message state_message() const;
    kernel::Message last_word() const;

    kernel::EventLoop& loop_;
    Options options_;
    Manager manager_;
    State state_;
    std::deque<Event> events_;
    Fd signals_;
    kernel::Watch signals_watch_;
    Journal journal_;
    Console console_;
    Payload payload_;
    Execs execs_;
    Checks checks_;
    Control control_;
    std::unique_ptr<Prepare> prepare_;
    std::unique_ptr<Child> cleaner_;  // empties the upper of an ephemeral machine at the end
    struct {
        Microseconds booting{}, leader{}, started{}, ready{};
    } moments_;  // of this boot; 0: not yet
    struct Request {
        Control::Origin origin;
        kernel::Message message;
        Control::Reply reply;
    };
    std::vector<Request> early_requests_;  // of who has seen the payload at work before we were told of it
    std::vector<int> early_signals_;       // of the foreground client, from before the payload is known to be started
    std::vector<Fd> standard_;             // the client's descriptors, for the first boot
    bool on_descriptors_ = false;          // the payload was given descriptors of a client
    kernel::Timer deadline_;
    std::string guest_status_;  // the latest
    kernel::Timer guest_status_timer_;
    kernel::Timer end_deadline_;   // of clients that do not take their last word
    kernel::Timer journal_timer_;  // of the journal that has not read the last lines
    unsigned journal_rounds_ = 0;
    bool journal_read_ = false;  // the round before
    bool told_end_ = false;
    bool over_ = false;
};

}  // namespace holm::supervisor
