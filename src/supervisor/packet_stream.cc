#include "supervisor/packet_stream.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <utility>

namespace holm::supervisor {

using kernel::EndOfStream;
using kernel::Message;
using kernel::Packet;

namespace {

size_t size_of(const Message& message)
{
    size_t size = 64;  // descriptors and bookkeeping
    for (auto& [key, value] : message.fields) size += key.size() + value.size();
    return size;
}

}  // namespace

PacketStream::PacketStream(kernel::EventLoop& loop, Fd socket, Handlers handlers)
    : loop_(loop), socket_(std::move(socket)), handlers_(std::move(handlers))
{
}

Result<> PacketStream::open()
{
    int flags = ::fcntl(socket_.get(), F_GETFL);
    if (flags < 0 || ::fcntl(socket_.get(), F_SETFL, flags | O_NONBLOCK)) return sys_error("cannot use a socket");
    watch_ = TRY(loop_.watch(socket_.get(), EPOLLIN, [this](uint32_t events) { on_event(events); }));
    update();
    return {};
}

void PacketStream::send(Message message)
{
    enqueue(std::move(message));
}
void PacketStream::send_data(std::string_view bytes)
{
    for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kernel::max_data)))
        enqueue(std::string(bytes.substr(0, kernel::max_data)));
}

void PacketStream::hang_up()
{
    ::shutdown(socket_.get(), SHUT_RDWR);
    gone_ = true;
    flush();
}

void PacketStream::receive(bool wanted)
{
    receiving_ = wanted;
    update();
}

void PacketStream::enqueue(Outgoing packet)
{
    if (gone_) return;
    if (queue_.empty() && try_send(packet)) return;
    if (auto* message = std::get_if<Message>(&packet)) waiting_ += size_of(*message);
    else waiting_ += std::get<std::string>(packet).size();
    queue_.push_back(std::move(packet));
    update();
}

// False where the socket is full now.
bool PacketStream::try_send(const Outgoing& packet)
{
    auto* message = std::get_if<Message>(&packet);
    Result<> sent =
        message ? kernel::send_message(socket_.get(), *message) : kernel::send_data(socket_.get(), std::get<std::string>(packet));
    if (sent) return true;
    if (sent.error().code == Errc::Busy) return false;
    gone_ = sent.error().code != Errc::Invalid;  // a message that cannot be said is left out
    return true;
}

void PacketStream::flush()
{
    while (!queue_.empty() && (gone_ || try_send(queue_.front()))) queue_.pop_front();
    if (!queue_.empty()) return;
    waiting_ = 0;
    update();
}

void PacketStream::update()
{
    watch_.set_events((receiving_ ? uint32_t{EPOLLIN} : 0) | (queue_.empty() ? 0 : uint32_t{EPOLLOUT}));
}

void PacketStream::on_event(uint32_t events)
{
    if (!queue_.empty() && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))) {
        flush();
        // The handler may have destroyed the stream: what else there is comes with the next round.
        if (auto on_drained = handlers_.on_drained; queue_.empty() && on_drained) return on_drained();
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_readable();
}

// One packet a round: no peer holds up the others.
bool PacketStream::on_readable()
{
    Result<Packet> packet = kernel::receive_packet(socket_.get());
    if (!packet && packet.error().code == Errc::Busy) return false;
    if (!packet || std::holds_alternative<EndOfStream>(*packet)) {
        gone_ = true;
        watch_.reset();
        queue_.clear();
        waiting_ = 0;
        packet = Packet(EndOfStream{});
    }
    auto on_packet = handlers_.on_packet;  // a copy: it may destroy the stream
    on_packet(std::move(*packet));
    return true;
}

}  // namespace holm::supervisor
