#include "supervisor/console.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "kernel/pty.h"

namespace holm::supervisor {

using kernel::EndOfStream;
using kernel::Message;
using kernel::Packet;

namespace {
constexpr size_t max_waiting = 256 << 10;                        // bytes for a slow `attach`, then it loses
constexpr size_t max_input = 64 << 10;                           // bytes for a terminal that takes none, then the session waits
constexpr auto retry_interval = std::chrono::milliseconds(200);  // of a console that is hung up
}  // namespace

WindowSize parse_window_size(const Message& message)
{
    auto side = [&](std::string_view key) {
        return static_cast<uint16_t>(std::clamp<int64_t>(message.get_number(key).value_or(0), 0, UINT16_MAX));
    };
    return {side("rows"), side("cols")};
}

Console::Console(kernel::EventLoop& loop, Journal& journal, int copy_to, Handlers handlers)
    : loop_(loop), journal_(journal), handlers_(std::move(handlers)), copy_to_(copy_to), retry_(loop, [this] {
          std::ignore = watch_master();
      })
{
}

Result<> Console::set_master(Fd master)
{
    watch_.reset();
    int flags = ::fcntl(master.get(), F_GETFL);
    if (flags < 0 || ::fcntl(master.get(), F_SETFL, flags | O_NONBLOCK)) return sys_error("cannot use the machine's console");
    peer_ = Fd(::ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    master_ = std::move(master);
    resize(size_);
    TRY(watch_master());
    write_all_input();
    return {};
}

Result<> Console::watch_master()
{
    watch_ = TRY(loop_.watch(master_.get(), EPOLLIN, [this](uint32_t events) { on_master(events); }), "console of the machine");
    update();
    return {};
}

Result<> Console::add_session(Fd socket, SessionKind kind, WindowSize size)
{
    auto session = sessions_.insert(sessions_.end(), Session{kind, nullptr});
    session->stream = std::make_unique<PacketStream>(
        loop_, std::move(socket),
        PacketStream::Handlers{.on_packet = [this, session](Packet packet) { on_packet(session, std::move(packet)); },
                               .on_drained = [this, session] { on_drained(session); }});
    if (auto opened = session->stream->open(); !opened) {
        sessions_.erase(session);
        return opened;
    }
    if (kind == SessionKind::Attach) session->stream->send_data(ring_.content());
    if (size.rows && size.columns) resize(size);
    return {};
}

void Console::tell(const Message& message)
{
    for (Session& session : sessions_) {
        Message copy(message.kind);
        copy.fields = message.fields;
        session.stream->send(std::move(copy));
    }
}

void Console::end(const Message& last)
{
    ended_ = true;
    for (Session& session : sessions_) {
        if (session.lost)
            session.stream->send(std::move(Message("lost").add("bytes", static_cast<int64_t>(std::exchange(session.lost, 0)))));
        session.stream->receive(false);
        session.ended = true;
    }
    tell(last);
    std::erase_if(sessions_, [](const Session& session) { return session.stream->waiting() == 0; });
}

void Console::finish()
{
    while (master_ && read_master()) {}
    for (const std::string& line : lines_.finish()) journal_.console_line(line);
    journal_.tell_dropped();
    watch_.reset();
    retry_.disarm();
    peer_.reset();
    master_.reset();
}

void Console::on_master(uint32_t events)
{
    if (events & EPOLLOUT) write_all_input();
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)) || read_master() || !(events & EPOLLHUP)) return;
    // Nobody has it open inside, and the kernel would say so for ever.
    watch_.reset();
    std::ignore = retry_.arm(retry_interval);
}

bool Console::read_master()
{
    std::array<char, 16 << 10> buffer;
    ssize_t size = ::read(master_.get(), buffer.data(), buffer.size());
    if (size <= 0) return size < 0 && errno == EINTR;
    take_output(std::string_view(buffer.data(), static_cast<size_t>(size)));
    return true;
}

void Console::take_output(std::string_view bytes)
{
    ring_.append(bytes);
    for (const std::string& line : lines_.feed(bytes)) journal_.console_line(line);
    if (copy_to_ >= 0) [[maybe_unused]]
        ssize_t copied = ::write(copy_to_, bytes.data(), bytes.size());
    for (Session& session : sessions_) output_to(session, bytes);
    update();
}

void Console::output_to(Session& session, std::string_view bytes)
{
    bool slow = session.kind == SessionKind::Attach && session.stream->waiting() + bytes.size() > max_waiting;
    // One that has lost something gets nothing until it has taken all that waits: then it begins anew.
    if (slow || session.lost) session.lost += bytes.size();
    else session.stream->send_data(bytes);
}

// Reads no more while a session that may lose nothing has not taken what there was: so the payload waits.
void Console::update()
{
    auto slow = [](const Session& session) { return session.kind == SessionKind::Foreground && session.stream->waiting() > 0; };
    auto typed = [](const Session& session) { return !session.input.empty(); };
    bool wait = std::any_of(sessions_.begin(), sessions_.end(), slow), write = std::any_of(sessions_.begin(), sessions_.end(), typed);
    watch_.set_events((wait ? 0 : uint32_t{EPOLLIN}) | (write ? uint32_t{EPOLLOUT} : 0));
}

void Console::write_input(Session& session)
{
    while (master_ && !session.input.empty()) {
        ssize_t size = ::write(master_.get(), session.input.data(), session.input.size());
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) break;
        tell_keys(std::string_view(session.input).substr(0, static_cast<size_t>(size)));
        session.input.erase(0, static_cast<size_t>(size));
    }
    session.stream->receive(session.input.size() < max_input && !session.ended);
}

void Console::tell_keys(std::string_view typed) const
{
    termios settings{};
    int group = 0;
    if (::tcgetattr(master_.get(), &settings) || !(settings.c_lflag & ISIG) || ::ioctl(master_.get(), TIOCGPGRP, &group)) return;
    for (auto [key, signal] : {std::pair{VINTR, SIGINT}, {VQUIT, SIGQUIT}}) {
        const auto byte = static_cast<char>(settings.c_cc[key]);
        if (byte != _POSIX_VDISABLE && typed.contains(byte)) handlers_.on_key(signal, group);
    }
}

void Console::write_all_input()
{
    for (Session& session : sessions_) write_input(session);
    update();
}

void Console::resize(WindowSize size)
{
    if (!size.rows || !size.columns) return;
    size_ = size;
    if (master_) std::ignore = kernel::set_window_size(master_.get(), size.rows, size.columns);
}

void Console::on_packet(Sessions::iterator session, Packet packet)
{
    if (std::holds_alternative<EndOfStream>(packet)) return remove(session);
    if (auto* message = std::get_if<Message>(&packet)) return on_message(*message);
    if (without_terminal_) return;
    session->input += std::get<kernel::Data>(packet).bytes;
    write_input(*session);
    update();
}

void Console::on_message(const Message& message)
{
    if (message.kind == "resize") resize(parse_window_size(message));
    else if (message.kind == "stop") handlers_.on_stop();
    else if (message.kind == "signal")
        handlers_.on_signal(static_cast<int>(std::clamp<int64_t>(message.get_number("signal").value_or(0), 0, NSIG)));
}

void Console::on_drained(Sessions::iterator session)
{
    if (session->ended) return remove(session);
    if (session->lost)
        session->stream->send(std::move(Message("lost").add("bytes", static_cast<int64_t>(std::exchange(session->lost, 0)))));
    update();
}

void Console::remove(Sessions::iterator session)
{
    sessions_.erase(session);
    update();
    if (ended_ && sessions_.empty() && handlers_.on_flushed) handlers_.on_flushed();
}

}  // namespace holm::supervisor
