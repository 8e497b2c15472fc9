#include "daemon/control_client.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "api/names.h"
#include "base/text.h"

namespace holm::daemon {

using Phase = SupervisorState::Phase;

namespace {

constexpr size_t max_asking = 16;  // at once: a supervisor takes 64 connections, of whomever

constexpr std::array<std::pair<std::string_view, Phase>, 5> phases = {{
    {"starting", Phase::Starting},
    {"started", Phase::Started},
    {"running", Phase::Running},
    {"stopping", Phase::Stopping},
    {"ended", Phase::Ended},
}};

Result<Fd> connect_to(const std::string& path)
{
    Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return sys_error("cannot make a socket");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return error(Errc::Invalid, "the path '{}' is too long for a socket", path);
    memcpy(address.sun_path, path.c_str(), path.size() + 1);
    // EAGAIN: the supervisor has not taken earlier connections yet.
    if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address)) return sys_error("cannot connect to '{}'", path);
    return socket;
}

}  // namespace

Result<SupervisorState> parse_state(const kernel::Message& message)
{
    SupervisorState state;
    auto phase = std::ranges::find(phases, message.get("state"), &std::pair<std::string_view, Phase>::first);
    if (phase == phases.end()) return error(Errc::Invalid, "the supervisor is in an unknown state '{}'", printable(message.get("state")));
    state.phase = phase->second;
    state.leader = static_cast<pid_t>(std::clamp<int64_t>(message.get_number("leader").value_or(0), 0, INT32_MAX));
    state.boots = static_cast<unsigned>(std::clamp<int64_t>(message.get_number("boots").value_or(0), 0, UINT32_MAX));
    state.executed = message.get_number("executed").value_or(state.leader != 0) != 0;  // an older supervisor does not say
    state.frozen = message.get_number("frozen").value_or(0) != 0;
    state.health = printable(message.get("health"), 16);
    state.held = printable(message.get("held"), 32);
    state.held_why = printable(message.get("held_why"), 4096);
    auto moment = [&](std::string_view key) { return static_cast<uint64_t>(std::max<int64_t>(message.get_number(key).value_or(0), 0)); };
    state.restarts = static_cast<unsigned>(std::clamp<int64_t>(message.get_number("restarts").value_or(0), 0, UINT32_MAX));
    state.restarted_after = printable(message.get("restarted_after"), 4096);
    state.restarting = message.get_number("restarting").value_or(0) != 0;
    state.next_boot = moment("next_boot_at");
    state.moments = {moment("booting_at"), moment("leader_at"), moment("started_at"), moment("ready_at")};
    state.outcome.why = message.get("why");
    state.outcome.boots = state.boots;
    if (state.phase != Phase::Ended) return state;
    auto result = parse_result(message.get("result"));
    if (!result) return error(Errc::Invalid, "the supervisor ended with an unknown result '{}'", printable(message.get("result")));
    state.outcome.result = *result;
    state.outcome.status = static_cast<int>(message.get_number("status").value_or(0));
    state.outcome.asked = message.get_number("asked").value_or(0) != 0;
    return state;
}

// One question and its answer, over a connection of its own.
class ControlClient::Request {
public:
    Request(systemd::Loop& loop, Answered answered) : loop_(loop), answered_(std::move(answered)) {}

    // `done` takes this out of the client's list. An Error: nothing was sent, answered() is still to be called.
    Result<> send(const machine::MachineName& name, const kernel::Message& message, systemd::Callback done)
    {
        done_ = std::move(done);
        socket_ = TRY(connect_to(api::control_path(name)));
        TRY(kernel::send_message(socket_.get(), message));
        readable_ = TRY(loop_.watch_io(socket_.get(), EPOLLIN, [this](uint32_t) { receive(); }));
        deadline_ = TRY(loop_.after(control_deadline, [this] {
            finish(error(Errc::Timeout, "the supervisor does not answer within {} s", control_deadline.count()));
        }));
        return {};
    }
    // From the loop, never from inside of ask().
    Result<> fail(const Error& error)
    {
        failure_ = error;
        deadline_ = TRY(loop_.defer([this] { finish(*failure_); }));
        return {};
    }

    // Its answer, if one lies there: nothing else comes any more.
    Unanswered give_up()
    {
        auto answer = take();
        return {std::move(answered_), answer ? std::move(*answer) : error(Errc::Unavailable, "the supervisor ended before it answered")};
    }

private:
    void receive()
    {
        if (auto answer = take()) finish(std::move(*answer));
    }
    // Nothing: no answer yet.
    std::optional<Result<kernel::Message>> take()
    {
        if (failure_) return *failure_;
        auto packet = kernel::receive_packet(socket_.get());
        if (!packet && packet.error().code == Errc::Busy) return std::nullopt;
        if (!packet) return packet.error();
        auto* message = std::get_if<kernel::Message>(&*packet);
        if (!message) return error(Errc::Unavailable, "the supervisor ended before it answered");
        if (message->kind == "error") return kernel::error_of(*message);
        return std::move(*message);
    }
    // done_ destroys this; the answer may destroy the client.
    void finish(Result<kernel::Message> result)
    {
        auto answered = std::move(answered_);
        auto done = std::move(done_);
        done();
        answered(std::move(result));
    }

    systemd::Loop& loop_;
    Answered answered_;
    systemd::Callback done_;
    Fd socket_;
    std::optional<Error> failure_;  // of sending
    systemd::Source readable_, deadline_;
};

ControlClient::ControlClient(systemd::Loop& loop, const machine::MachineName& name, Fd socket, Listener listener)
    : loop_(loop), name_(name), socket_(std::move(socket)), listener_(std::move(listener))
{
}

ControlClient::~ControlClient()
{
    *alive_ = false;
}

Result<std::unique_ptr<ControlClient>> ControlClient::adopt(systemd::Loop& loop, const machine::MachineName& name, Fd channel,
                                                            Listener listener)
{
    std::unique_ptr<ControlClient> client(new ControlClient(loop, name, std::move(channel), std::move(listener)));
    client->readable_ = TRY(loop.watch_io(client->socket_.get(), EPOLLIN, [self = client.get()](uint32_t) { self->receive(); }));
    return client;
}

Result<std::unique_ptr<ControlClient>> ControlClient::connect(systemd::Loop& loop, const machine::MachineName& name, Listener listener)
{
    Fd socket = TRY(connect_to(api::control_path(name)));
    auto client = TRY(adopt(loop, name, std::move(socket), std::move(listener)));
    TRY(client->subscribe());
    return client;
}

Result<> ControlClient::go(const kernel::Message& message)
{
    return kernel::send_message(socket_.get(), message);
}

Result<> ControlClient::subscribe()
{
    return kernel::send_message(socket_.get(), kernel::Message("subscribe"));
}

pid_t ControlClient::peer() const
{
    ucred credentials{};
    socklen_t size = sizeof credentials;
    return ::getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) ? 0 : credentials.pid;
}

void ControlClient::ask(kernel::Message message, Answered answered)
{
    waiting_.emplace_back(std::move(message), std::move(answered));
    begin_next();
}

std::vector<ControlClient::Unanswered> ControlClient::give_up()
{
    std::vector<Unanswered> unanswered;
    for (auto& request : std::exchange(asking_, {})) unanswered.push_back(request->give_up());
    for (auto& [message, answered] : std::exchange(waiting_, {}))
        unanswered.emplace_back(std::move(answered), error(Errc::Unavailable, "the supervisor ended before it was asked"));
    return unanswered;
}

void ControlClient::begin_next()
{
    while (!waiting_.empty() && asking_.size() < max_asking) {
        auto [message, answered] = std::move(waiting_.front());
        waiting_.pop_front();
        auto place = asking_.insert(asking_.end(), std::make_unique<Request>(loop_, std::move(answered)));
        auto done = [this, place] {
            asking_.erase(place);
            begin_next();
        };
        auto sent = (*place)->send(name_, message, std::move(done));
        if (sent) continue;
        if (auto failing = (*place)->fail(sent.error()); !failing) asking_.erase(place);  // its reply then says that it was given up
    }
}

void ControlClient::receive()
{
    auto alive = alive_;
    while (*alive && readable_) {
        auto packet = kernel::receive_packet(socket_.get());
        if (!packet && packet.error().code == Errc::Busy) return;
        auto* message = packet ? std::get_if<kernel::Message>(&*packet) : nullptr;
        if (message && dispatch(*message)) continue;
        readable_.reset();
        return listener_.lost();
    }
}

// False: no message of this conversation. A callback may destroy this client.
bool ControlClient::dispatch(const kernel::Message& message)
{
    if (message.kind == "state") {
        auto state = parse_state(message);
        if (!state) return false;
        listener_.state(*state);
    }
    // An error: "go" or "subscribe" was refused.
    if (message.kind == "warning" || message.kind == "error") listener_.warning(printable(message.get("text"), 4096));
    return message.kind != "error";
}

}  // namespace holm::daemon
