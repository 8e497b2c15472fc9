// Bus: the connection to a message bus, kept over the death of dbus-daemon; calls and matches with owners. Nothing here waits
// for an answer. Effects: sends and receives.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include <systemd/sd-bus.h>

#include "base/error.h"
#include "systemd/loop.h"
#include "systemd/message.h"

namespace holm::systemd {

// A call whose answer is awaited, or a match. Destroyed: nobody is called back any more; a call on its way is still carried out.
class Pending {
public:
    Pending() = default;
    explicit operator bool() const { return state_ != nullptr; }
    void reset() { state_.reset(); }

private:
    friend class Bus;
    struct State;
    explicit Pending(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
};

struct Member {
    const char* destination;
    std::string path;
    const char* interface;
    const char* name;
};

using Answered = std::move_only_function<void(Result<sd_bus_message*>)>;
using Received = std::move_only_function<void(sd_bus_message*)>;

inline constexpr std::chrono::seconds default_timeout{25};  // as sd-bus's own
// Further calls wait for an answer of these: dbus-daemon(1) refuses what goes beyond max_replies_per_connection, 128 on the system bus.
inline constexpr size_t most_calls_at_once = 100;

class Bus {
public:
    explicit Bus(Loop& loop);
    ~Bus();
    Bus(const Bus&) = delete;
    Bus& operator=(const Bus&) = delete;

    // Connects to the system bus now, and again with growing pauses whenever that fails or the connection ends. `on_connected` puts
    // vtables, matches and names on each new connection; `on_lost` hears of its end. An Error of the first is a failed attempt.
    void keep_connected(std::move_only_function<Result<>()> on_connected, Callback on_lost);
    // Takes a connection that stands already: a socket pair in tests.
    Result<> adopt(Handle<sd_bus, sd_bus_close_unref> bus);

    bool connected() const { return bus_ != nullptr; }
    sd_bus* get() const { return bus_.get(); }

    // Calls a method and calls back once: with the answer (borrowed) or an Error, which is Timeout after `timeout` and Unavailable
    // where there is no bus. Never from inside of this function. The time begins when it is sent.
    template <typename... T>
    Pending call(const Member& member, std::chrono::microseconds timeout, Answered answered, const T&... arguments)
    {
        auto message = new_call(member);
        if (message)
            if (auto written = append_all(message->get(), arguments...); !written) message = written.error();
        if (!message) return fail(message.error(), std::move(answered));
        return send(std::move(*message), timeout, std::move(answered));
    }
    // The same for a message that the caller has filled.
    Result<MessageHandle> new_call(const Member& member);
    Pending send(MessageHandle message, std::chrono::microseconds timeout, Answered answered);
    // A call that could not even be made: its error is answered from the loop, as any answer.
    Pending fail(const Error& error, Answered answered);

    // Calls back for every signal that the match rule (D-Bus specification, "Match Rules") takes, until destroyed or the
    // connection ends.
    Result<Pending> match(const std::string& rule, Received received);

    // Emits a signal; without a connection there is nobody to hear it.
    template <typename... T>
    void emit(const std::string& path, const char* interface, const char* name, const T&... arguments)
    {
        auto message = new_signal(path, interface, name);
        if (message && append_all(message->get(), arguments...)) static_cast<void>(sd_bus_send(nullptr, message->get(), nullptr));
    }

private:
    struct Call;  // that is sent or is going to be, whether anybody still waits for its answer or not
    void send_waiting();
    void answer_waiting(const Error& error);
    static int on_answer(sd_bus_message* message, void* call, sd_bus_error*) noexcept;
    Result<MessageHandle> new_signal(const std::string& path, const char* interface, const char* name);
    Result<> connect();
    void attempt();
    void lose();

    Loop& loop_;
    Handle<sd_bus, sd_bus_close_unref> bus_;
    std::list<Call> sent_, waiting_;
    std::move_only_function<Result<>()> on_connected_;
    Callback on_lost_;
    Pending disconnected_;
    Source retry_;
    std::chrono::milliseconds pause_{0};
};

// Whether a call came to nothing for want of a connection, and not by an answer: it can be asked again.
bool was_cut_off(const Error& error);

// The Error that an answer of type error stands for: the code by api's table, the text as it came.
Error error_of_answer(const sd_bus_error* error);

}  // namespace holm::systemd
