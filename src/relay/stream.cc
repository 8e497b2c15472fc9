#include "relay/stream.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace holm::relay {

namespace {

constexpr size_t most_at_once = 64 << 10;

bool is_temporary(int number)
{
    return number == EAGAIN || number == EWOULDBLOCK || number == EINTR;
}

// The client is to see what it would have seen of the machine itself: a reset, and no orderly end.
void reset_at_close(const Fd& socket)
{
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    (void)::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

}  // namespace

Stream::Stream(Fd client, Fd machine, std::function<void()> ended) : ended_(std::move(ended))
{
    client_.socket = std::move(client);
    machine_.socket = std::move(machine);
}

Result<> Stream::open(kernel::EventLoop& loop)
{
    client_.watch = TRY(loop.watch(client_.socket.get(), 0, [this](uint32_t events) { on_event(client_, machine_, events); }));
    machine_.watch = TRY(loop.watch(machine_.socket.get(), EPOLLOUT, [this](uint32_t events) { on_event(machine_, client_, events); }));
    return {};
}

void Stream::on_event(Side& side, Side& other, uint32_t events)
{
    if (&side == &machine_ && (events & (EPOLLOUT | EPOLLERR))) {
        int failure = 0;
        socklen_t size = sizeof failure;
        if (!connected_ && (::getsockopt(side.socket.get(), SOL_SOCKET, SO_ERROR, &failure, &size) || failure)) {
            reset_at_close(other.socket);
            return finish();
        }
        connected_ = true;
    }
    bool goes_on = !(events & EPOLLERR);
    if (goes_on && (events & EPOLLOUT)) goes_on = flush(side);
    if (goes_on && connected_ && (events & (EPOLLIN | EPOLLHUP))) goes_on = read(side, other, events);
    goes_on = goes_on && end_writing(side, other) && end_writing(other, side);
    if (!goes_on) {
        reset_at_close(other.socket);
        return finish();
    }
    if (!client_.is_open && !machine_.is_open) return finish();
    update(side, other);
    update(other, side);
}

// False: it takes nothing any more.
bool Stream::flush(Side& side)
{
    while (!side.waiting.empty()) {
        const ssize_t written = ::send(side.socket.get(), side.waiting.data(), side.waiting.size(), MSG_NOSIGNAL);
        if (written < 0) return is_temporary(errno);
        side.waiting.erase(0, static_cast<size_t>(written));
    }
    return true;
}

// Of a side that has hung up all that the kernel has of it: its end would be told again and again.
bool Stream::read(Side& side, Side& other, uint32_t events)
{
    std::array<char, most_at_once> bytes;
    while (side.is_read && (other.waiting.empty() || (events & EPOLLHUP))) {
        const ssize_t size = ::read(side.socket.get(), bytes.data(), bytes.size());
        if (size < 0) return is_temporary(errno);
        if (size == 0) side.is_read = false;
        other.waiting.append(bytes.data(), static_cast<size_t>(size));
        if (!flush(other)) return false;
        if (!(events & EPOLLHUP)) break;
    }
    return true;
}

// Nothing more comes from the other side, and all that came is written: this one is told.
bool Stream::end_writing(Side& side, const Side& other)
{
    if (other.is_read || !side.waiting.empty() || !side.is_open) return true;
    side.is_open = false;
    return ::shutdown(side.socket.get(), SHUT_WR) == 0;
}

void Stream::update(Side& side, const Side& other)
{
    const bool connecting = &side == &machine_ && !connected_;
    uint32_t events = side.waiting.empty() && !connecting ? 0 : uint32_t{EPOLLOUT};
    if (connected_ && side.is_read && other.waiting.empty()) events |= EPOLLIN;
    // Level-triggered: a side that has hung up, and is done with, would be told for ever.
    if (events == 0 && !side.is_read && !side.is_open) side.watch.reset();
    else if (side.watch) side.watch.set_events(events);
}

// The callback may destroy this stream.
void Stream::finish()
{
    if (auto ended = std::exchange(ended_, nullptr)) ended();
}

}  // namespace holm::relay
