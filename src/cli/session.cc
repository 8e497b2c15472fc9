#include "cli/session.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <deque>
#include <optional>

#include "base/text.h"
#include "cli/output.h"
#include "kernel/message.h"

namespace holm::cli {

namespace {

using kernel::Message;

// Two pumps over one poll(2): standard input → the other side, the other side → standard output. Each holds at most one chunk,
// and reads on only when that has been taken: nothing is lost, and neither direction waits for the other.
class Session {
public:
    Session(Fd socket, const SessionStyle& style, CaughtSignals& signals) : socket_(std::move(socket)), style_(style), signals_(signals) {}
    Result<SessionEnd> run();

private:
    Result<SessionEnd> follow();
    void wait_until_gone();
    Result<> open_descriptors();
    Result<> wait();
    void take_signals();
    Result<> take_packet();
    Result<> take_message(Message& message);
    Result<> read_input();
    Result<> write_input();
    Result<> read_master();
    void write_output();
    void drain_master();
    void end_input();
    void send_size();
    void say(std::string_view kind, std::initializer_list<std::pair<std::string_view, int64_t>> fields = {});
    Result<> flush_messages();
    void complain_here(std::string_view text) const;

    bool has_bytes() const { return style_.bytes != SessionBytes::None; }
    bool on_terminal() const { return style_.bytes == SessionBytes::Terminal; }
    bool may_read_input() const { return input_open_ && to_other_.empty() && (!on_terminal() || master_); }
    bool done() const { return end_ && to_output_.empty(); }

    Fd socket_;
    SessionStyle style_;
    CaughtSignals& signals_;
    Fd input_, output_;  // ours alone where possible (open_own)
    Fd master_;          // of an exec's own terminal
    bool input_open_ = false;
    bool output_open_ = true;
    bool at_line_start_ = true;
    std::deque<Message> to_say_;  // signals and sizes: they go before the bytes that wait
    std::string to_other_;        // read from standard input, not yet sent
    std::string to_output_;       // received, not yet written
    Escape escape_;
    std::optional<SessionEnd> end_;
    std::array<pollfd, 5> waiting_{};
};

enum Index { Signals, Socket, Input, Output, Master };

bool would_block()
{
    return errno == EAGAIN || errno == EINTR;
}

Result<> Session::open_descriptors()
{
    if (::fcntl(socket_.get(), F_SETFL, O_RDWR | O_NONBLOCK) < 0) return sys_error("cannot set up the session");
    if (!has_bytes()) return {};
    input_ = TRY(open_own(STDIN_FILENO, O_RDONLY));
    output_ = TRY(open_own(STDOUT_FILENO, O_WRONLY));
    input_open_ = true;
    return {};
}

Result<> Session::wait()
{
    short socket_events = to_output_.empty() ? POLLIN : 0;
    if (!to_say_.empty() || (!to_other_.empty() && !on_terminal())) socket_events |= POLLOUT;
    short master_events = to_output_.empty() ? POLLIN : 0;
    if (!to_other_.empty()) master_events |= POLLOUT;
    waiting_[Signals] = {signals_.fd(), POLLIN, 0};
    waiting_[Socket] = {end_ || socket_events == 0 ? -1 : socket_.get(), socket_events, 0};
    waiting_[Input] = {may_read_input() && !end_ ? input_.get() : -1, POLLIN, 0};
    waiting_[Output] = {to_output_.empty() ? -1 : output_.get(), POLLOUT, 0};
    waiting_[Master] = {master_ && master_events != 0 ? master_.get() : -1, master_events, 0};
    if (::poll(waiting_.data(), waiting_.size(), -1) < 0 && errno != EINTR) return sys_error("cannot wait for the session");
    return {};
}

void Session::say(std::string_view kind, std::initializer_list<std::pair<std::string_view, int64_t>> fields)
{
    Message& message = to_say_.emplace_back(kind);
    for (auto& [key, value] : fields) message.add(key, value);
}

Result<> Session::flush_messages()
{
    while (!to_say_.empty()) {
        auto sent = kernel::send_message(socket_.get(), to_say_.front());
        if (!sent && sent.error().code == Errc::Busy) return {};
        if (!sent && sent.error().code != Errc::Unavailable) return sent.error();  // gone: its last word is still to be read
        to_say_.pop_front();
    }
    return {};
}

void Session::send_size()
{
    WindowSize size = window_size();
    if (!has_bytes() || (size.rows == 0 && size.columns == 0)) return;
    if (master_) {
        winsize window{.ws_row = static_cast<unsigned short>(size.rows), .ws_col = static_cast<unsigned short>(size.columns)};
        ::ioctl(master_.get(), TIOCSWINSZ, &window);
    } else if (!on_terminal()) {
        say("resize", {{"rows", size.rows}, {"cols", size.columns}});
    }
}

// The terminal is raw: a new line alone would not go back to the first column.
void Session::complain_here(std::string_view text) const
{
    if (!style_.quiet) complain(std::string(text) + (has_bytes() ? "\r" : ""));
}

void Session::take_signals()
{
    for (int signal : signals_.take()) {
        if (signal == SIGWINCH) {
            send_size();
            continue;
        }
        switch (style_.signals) {
        case SessionSignals::Pass: say("signal", {{"signal", signal}}); break;
        case SessionSignals::Stop: say("stop"); break;
        case SessionSignals::Detach: end_ = SessionEnd{SessionEnd::Kind::Detached, signal}; break;
        }
    }
}

Result<> Session::take_message(Message& message)
{
    if (message.kind == "exit") {
        if (auto signal = message.get_number("signal")) end_ = SessionEnd{SessionEnd::Kind::Signalled, static_cast<int>(*signal)};
        else end_ = SessionEnd{SessionEnd::Kind::Exited, static_cast<int>(message.get_number("code").value_or(exit_refused))};
        drain_master();
    } else if (message.kind == "error") {
        return kernel::error_of(message);
    } else if (message.kind == "started" && style_.until == SessionUntil::Started) {
        end_ = SessionEnd{SessionEnd::Kind::Exited, exit_done};
    } else if (message.kind == "terminal" && !message.fds.empty() && on_terminal()) {
        master_ = std::move(message.fds.front());
        if (::fcntl(master_.get(), F_SETFL, O_RDWR | O_NONBLOCK) < 0) return sys_error("cannot set up the terminal of the command");
        send_size();  // of now: the one of the request may be old
    } else if (message.kind == "warning") {
        complain_here(printable(message.get("text"), 4096));
    } else if (message.kind == "lost") {
        complain_here(fmt::format("{} bytes of output were skipped: this terminal is too slow", message.get_number("bytes").value_or(0)));
    }
    return {};
}

Result<> Session::take_packet()
{
    auto packet = kernel::receive_packet(socket_.get());
    if (!packet) return packet.error().code == Errc::Busy ? Result<>() : packet.error();
    if (std::holds_alternative<kernel::EndOfStream>(*packet))
        return error(Errc::Unavailable, "the session ended with no result: the machine's supervisor is gone");
    if (auto* data = std::get_if<kernel::Data>(&*packet)) {
        if (output_open_ && output_) to_output_ = std::move(data->bytes);
        return {};
    }
    return take_message(std::get<Message>(*packet));
}

Result<> Session::read_input()
{
    std::string chunk(kernel::max_data, '\0');
    const ssize_t size = ::read(input_.get(), chunk.data(), chunk.size());
    if (size < 0 && would_block()) return {};
    if (size <= 0) {
        end_input();
        return {};
    }
    chunk.resize(static_cast<size_t>(size));
    if (style_.escape && escape_.complete(chunk, Escape::Time::clock::now())) {
        end_ = SessionEnd{SessionEnd::Kind::Detached, 0};
        return {};
    }
    at_line_start_ = chunk.back() == '\n';
    to_other_ = std::move(chunk);
    return {};
}

// A terminal's line discipline takes ^D at the start of a line for the end, elsewhere for "hand over what there is".
void Session::end_input()
{
    input_open_ = false;
    if (style_.end_of_input) to_other_ = at_line_start_ ? "\x04" : "\x04\x04";
}

Result<> Session::write_input()
{
    if (!on_terminal()) {
        auto sent = kernel::send_data(socket_.get(), to_other_);
        if (sent || sent.error().code == Errc::Unavailable) to_other_.clear();  // gone: its last word is still to be read
        else if (sent.error().code != Errc::Busy) return sent.error();
        return {};
    }
    const ssize_t size = ::write(master_.get(), to_other_.data(), to_other_.size());
    if (size > 0) to_other_.erase(0, static_cast<size_t>(size));
    else if (size < 0 && !would_block()) to_other_.clear();  // nobody has the terminal any more; `exit` comes by the session
    return {};
}

Result<> Session::read_master()
{
    std::string chunk(kernel::max_data, '\0');
    const ssize_t size = ::read(master_.get(), chunk.data(), chunk.size());
    if (size < 0 && would_block()) return {};
    if (size <= 0) {  // EIO: the last process has closed the terminal. POLLHUP would be told for ever
        master_.reset();
        input_open_ = false;
        to_other_.clear();
        return {};
    }
    chunk.resize(static_cast<size_t>(size));
    if (output_open_) to_output_ = std::move(chunk);
    return {};
}

// What was written to the terminal before the exec ended is in the kernel's buffer: the read brings it all, until there is no more.
void Session::drain_master()
{
    std::array<char, 4096> chunk;
    ssize_t size;
    while (master_ && (size = ::read(master_.get(), chunk.data(), chunk.size())) > 0)
        to_output_.append(chunk.data(), static_cast<size_t>(size));
    master_.reset();
    if (!output_open_) to_output_.clear();
}

// A terminal that is gone takes no more output; the payload is not ended by that, SIGHUP is what tells it.
void Session::write_output()
{
    const ssize_t size = ::write(output_.get(), to_output_.data(), to_output_.size());
    if (size >= 0) {
        to_output_.erase(0, static_cast<size_t>(size));
    } else if (!would_block()) {
        output_open_ = false;
        to_output_.clear();
    }
}

// holmd holds the other side too, until the machine is gone. A holmd that hangs must not keep us, nor a user who has seen enough.
void Session::wait_until_gone()
{
    constexpr std::chrono::seconds patience{10};
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        std::array<pollfd, 2> waiting = {{{socket_.get(), POLLIN, 0}, {signals_.fd(), POLLIN, 0}}};
        if (left.count() <= 0 || ::poll(waiting.data(), waiting.size(), static_cast<int>(left.count())) <= 0) return;
        if (waiting[1].revents != 0) return;
        auto packet = kernel::receive_packet(socket_.get());
        if (packet ? std::holds_alternative<kernel::EndOfStream>(*packet) : packet.error().code != Errc::Busy) return;
    }
}

Result<SessionEnd> Session::run()
{
    Result<SessionEnd> end = follow();
    if (style_.until == SessionUntil::Gone && !(end && end->kind == SessionEnd::Kind::Detached)) wait_until_gone();
    return end;
}

Result<SessionEnd> Session::follow()
{
    TRY(open_descriptors());
    send_size();
    while (!done()) {
        TRY(flush_messages());
        TRY(wait());
        auto came = [&](Index index) { return waiting_[index].fd >= 0 && waiting_[index].revents != 0; };
        if (came(Signals)) take_signals();
        if (came(Output)) write_output();
        if (came(Master) && !to_other_.empty()) TRY(write_input());
        if (came(Master) && master_ && to_output_.empty()) TRY(read_master());
        if (came(Socket) && !on_terminal() && !to_other_.empty()) TRY(write_input());
        if (came(Socket) && to_output_.empty()) TRY(take_packet());
        if (came(Input)) TRY(read_input());
    }
    return *end_;
}

}  // namespace

int exit_status_of_session(const SessionEnd& end)
{
    switch (end.kind) {
    case SessionEnd::Kind::Exited: return end.number;
    case SessionEnd::Kind::Signalled: return exit_status_of_signal(end.number);
    case SessionEnd::Kind::Detached: return end.number ? exit_status_of_signal(end.number) : exit_done;
    }
    return exit_refused;
}

Result<SessionEnd> run_session(Fd session, const SessionStyle& style, CaughtSignals& signals)
{
    RawTerminal raw;
    if (style.bytes != SessionBytes::None && is_terminal(STDIN_FILENO)) raw = TRY(RawTerminal::enter());
    TRY(signals.add_quit());
    return Session(std::move(session), style, signals).run();
}

}  // namespace holm::cli
