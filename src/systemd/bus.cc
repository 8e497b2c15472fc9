#include "systemd/bus.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "api/errors.h"
#include "base/log.h"

namespace holm::systemd {

namespace {
constexpr std::chrono::milliseconds first_pause{100}, longest_pause{5000};
using Slot = Handle<sd_bus_slot, sd_bus_slot_unref>;

Error cut_off(std::string text)
{
    return {Errc::Unavailable, ENOTCONN, std::move(text)};
}
}  // namespace

struct Pending::State : std::enable_shared_from_this<State> {
    Answered answered;
    Received received;
    Slot slot;       // of a match
    Source failing;  // of a call that could not be sent: its error comes from the loop, never from inside of call()

    static int on_signal(sd_bus_message* m, void* self, sd_bus_error*) noexcept
    {
        auto alive = static_cast<State*>(self)->weak_from_this().lock();
        alive->received(m);
        return 0;
    }
};

struct Bus::Call {
    Bus& bus;
    std::list<Call>::iterator place;
    std::weak_ptr<Pending::State> owner;
    MessageHandle message;
    std::chrono::microseconds timeout;
    Slot slot;

    // From the loop, never from inside of call().
    void fail(const Error& error) const
    {
        const auto waits = owner.lock();
        if (!waits) return;
        auto source = bus.loop_.defer([weak = owner, error] {
            if (auto alive = weak.lock()) alive->answered(error);
        });
        if (source) waits->failing = std::move(*source);
        else log_error("{}: {}", error.text, source.error().text);
    }
};

Bus::Bus(Loop& loop) : loop_(loop) {}
Bus::~Bus() = default;

int Bus::on_answer(sd_bus_message* message, void* call, sd_bus_error*) noexcept
{
    Call& answered = *static_cast<Call*>(call);
    Bus& bus = answered.bus;
    const auto waits = answered.owner.lock();
    bus.sent_.erase(answered.place);
    bus.send_waiting();
    if (!waits) return 1;
    if (const sd_bus_error* said = sd_bus_message_get_error(message)) {
        Error why = error_of_answer(said);
        if (sd_bus_is_open(bus.get()) <= 0) why = cut_off(std::move(why.text));  // its end answers all that waits, as if it were late
        waits->answered(std::move(why));
    } else waits->answered(message);
    return 1;
}

void Bus::send_waiting()
{
    while (bus_ && !waiting_.empty() && sent_.size() < most_calls_at_once) {
        sent_.splice(sent_.end(), waiting_, waiting_.begin());
        Call& call = sent_.back();
        call.place = std::prev(sent_.end());
        sd_bus_slot* slot = nullptr;
        const int r =
            sd_bus_call_async(bus_.get(), &slot, call.message.get(), on_answer, &call, static_cast<uint64_t>(call.timeout.count()));
        call.message.reset();
        call.slot.reset(slot);
        if (r >= 0) continue;
        call.fail(cut_off(errno_error(-r, "cannot send a D-Bus call").text));
        sent_.pop_back();
    }
}

// The connection has ended. What was sent by it sd-bus has answered, unless it was given up before it was of use.
void Bus::answer_waiting(const Error& error)
{
    for (auto* calls : {&sent_, &waiting_})
        for (const Call& call : std::exchange(*calls, {})) call.fail(error);
}

Error error_of_answer(const sd_bus_error* error)
{
    Errc code = api::code_of_error_name(error->name ? error->name : "");
    return {code, 0, error->message && *error->message ? error->message : error->name ? error->name : "no error text"};
}

bool was_cut_off(const Error& error)
{
    return error.code == Errc::Unavailable && error.sys_errno == ENOTCONN;
}

Pending Bus::fail(const Error& error, Answered answered)
{
    auto state = std::make_shared<Pending::State>();
    state->answered = std::move(answered);
    Call{.bus = *this, .place = {}, .owner = state, .message = {}, .timeout = {}, .slot = {}}.fail(error);
    return Pending(std::move(state));
}

Result<MessageHandle> Bus::new_call(const Member& member)
{
    if (!bus_) return cut_off("there is no connection to the system bus");
    sd_bus_message* message = nullptr;
    int r = sd_bus_message_new_method_call(bus_.get(), &message, member.destination, member.path.c_str(), member.interface, member.name);
    if (r < 0) return errno_error(-r, "cannot make the call {}", member.name);
    return MessageHandle(message);
}

Pending Bus::send(MessageHandle message, std::chrono::microseconds timeout, Answered answered)
{
    if (!bus_) return fail(cut_off("there is no connection to the system bus"), std::move(answered));
    auto state = std::make_shared<Pending::State>();
    state->answered = std::move(answered);
    waiting_.push_back({.bus = *this, .place = {}, .owner = state, .message = std::move(message), .timeout = timeout, .slot = {}});
    send_waiting();
    return Pending(std::move(state));
}

Result<Pending> Bus::match(const std::string& rule, Received received)
{
    auto state = std::make_shared<Pending::State>();
    state->received = std::move(received);
    sd_bus_slot* slot = nullptr;
    int r = sd_bus_add_match_async(bus_.get(), &slot, rule.c_str(), Pending::State::on_signal, nullptr, state.get());
    if (r < 0) return errno_error(-r, "cannot subscribe to {}", rule);
    state->slot.reset(slot);
    return Pending(std::move(state));
}

Result<MessageHandle> Bus::new_signal(const std::string& path, const char* interface, const char* name)
{
    if (!bus_) return cut_off("there is no connection to the system bus");
    sd_bus_message* message = nullptr;
    if (int r = sd_bus_message_new_signal(bus_.get(), &message, path.c_str(), interface, name); r < 0)
        return errno_error(-r, "cannot make the signal {}", name);
    return MessageHandle(message);
}

Result<> Bus::adopt(Handle<sd_bus, sd_bus_close_unref> bus)
{
    bus_ = std::move(bus);
    sd_bus_set_exit_on_disconnect(bus_.get(), 0);
    if (int r = sd_bus_attach_event(bus_.get(), loop_.get(), SD_EVENT_PRIORITY_NORMAL); r < 0)
        return errno_error(-r, "cannot watch the bus");
    return {};
}

Result<> Bus::connect()
{
    sd_bus* bus = nullptr;
    if (int r = sd_bus_open_system(&bus); r < 0) return errno_error(-r, "cannot connect to the system bus");
    TRY(adopt(Handle<sd_bus, sd_bus_close_unref>(bus)));
    disconnected_ =
        TRY(match("type='signal',sender='org.freedesktop.DBus.Local',path='/org/freedesktop/DBus/Local',"
                  "interface='org.freedesktop.DBus.Local',member='Disconnected'",
                  [this](sd_bus_message*) { lose(); }));
    return on_connected_();
}

void Bus::attempt()
{
    auto done = connect();
    if (done) {
        pause_ = {};
        return;
    }
    if (pause_.count() == 0) log_warning("{}; trying again", done.error().text);
    lose();
}

// Drops the connection, from the loop: its slots may be those that are just being dispatched.
void Bus::lose()
{
    pause_ = std::clamp(pause_ * 2, first_pause, longest_pause);
    disconnected_.reset();
    auto source = loop_.after(pause_, [this] { attempt(); });
    if (source) retry_ = std::move(*source);
    else log_error("cannot try again to connect to the system bus: {}", source.error().text);
    if (!bus_) return;
    sd_bus_detach_event(bus_.get());
    answer_waiting(cut_off("there is no connection to the system bus"));
    bus_.reset();
    on_lost_();
}

void Bus::keep_connected(std::move_only_function<Result<>()> on_connected, Callback on_lost)
{
    on_connected_ = std::move(on_connected);
    on_lost_ = std::move(on_lost);
    attempt();
}

}  // namespace holm::systemd
