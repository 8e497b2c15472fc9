#include "supervisor/control.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace holm::supervisor {

using kernel::Message;
using kernel::Packet;

namespace {

constexpr size_t max_waiting = 256 << 10;  // bytes for one that takes none; then it is dropped

bool is_root(int socket)
{
    ucred peer{};
    socklen_t size = sizeof peer;
    return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == 0;
}

}  // namespace

Control::~Control()
{
    close_socket();
}

Result<> Control::take_channel(Fd socket)
{
    return add(std::move(socket), Origin::Channel);
}

Result<> Control::listen(const std::string& path)
{
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    if (path.size() >= sizeof address.sun_path) return error(Errc::Invalid, "'{}' is too long for a socket", path);
    memcpy(address.sun_path, path.data(), path.size());
    Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return sys_error("cannot make a socket");
    ::unlink(path.c_str());  // stale: one machine has one supervisor
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address)) return sys_error("cannot bind '{}'", path);
    path_ = path;
    if (::chmod(path.c_str(), 0600) || ::listen(socket.get(), static_cast<int>(max_connections)))
        return sys_error("cannot listen at '{}'", path);
    watch_ = TRY(loop_.watch(socket.get(), EPOLLIN, [this](uint32_t) { accept(); }), path);
    socket_ = std::move(socket);
    return {};
}

void Control::close_socket()
{
    watch_.reset();
    socket_.reset();
    if (!path_.empty()) ::unlink(std::exchange(path_, {}).c_str());
}

void Control::accept()
{
    Fd socket(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!socket && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
        watch_.set_events(0);  // it would call for ever
        std::ignore = accept_again_.arm(std::chrono::seconds(1));
    }
    if (!socket || !is_root(socket.get()) || connections_.size() >= max_connections) return;
    std::ignore = add(std::move(socket), Origin::Socket);
}

Result<> Control::add(Fd socket, Origin origin)
{
    auto connection = std::make_shared<Connection>(Connection{origin, nullptr});
    std::weak_ptr<Connection> weak = connection;
    connection->stream = std::make_unique<PacketStream>(loop_, std::move(socket),
                                                        PacketStream::Handlers{.on_packet =
                                                                                   [this, weak](Packet packet) {
                                                                                       if (auto held = weak.lock())
                                                                                           on_packet(held, std::move(packet));
                                                                                   },
                                                                               .on_drained = [this] { handlers_.on_drained(); }});
    TRY(connection->stream->open());
    connections_.push_back(std::move(connection));
    return {};
}

void Control::on_packet(const std::shared_ptr<Connection>& connection, Packet packet)
{
    auto* message = std::get_if<Message>(&packet);
    if (!message) return remove(connection);
    if (message->kind == "subscribe") {
        connection->subscribed = true;
        return send(*connection, handlers_.state());
    }
    Reply reply = [this, weak = std::weak_ptr(connection)](Message answer) {
        if (auto held = weak.lock()) send(*held, std::move(answer));
    };
    handlers_.on_request(connection->origin, std::move(*message), std::move(reply));
}

void Control::send(Connection& connection, Message message)
{
    connection.stream->send(std::move(message));
    // Of one that never reads no more is kept; its end is told by the loop.
    if (connection.stream->waiting() > max_waiting) connection.stream->hang_up();
}

void Control::publish()
{
    for (auto& connection : connections_)
        if (connection->subscribed) send(*connection, handlers_.state());
}

void Control::warn(const std::string& text)
{
    for (auto& connection : connections_)
        if (connection->subscribed) send(*connection, std::move(Message("warning").add("text", printable(text, 4096))));
}

void Control::remove(const std::shared_ptr<Connection>& connection)
{
    connections_.remove(connection);  // the caller holds it
    if (connection->origin == Origin::Channel) handlers_.on_channel_end();
    handlers_.on_drained();
}

bool Control::waiting() const
{
    return std::any_of(connections_.begin(), connections_.end(), [](auto& connection) { return connection->stream->waiting() > 0; });
}

}  // namespace holm::supervisor
