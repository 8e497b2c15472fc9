#include "relay/datagrams.h"

#include <sys/epoll.h>

#include <array>

#include "base/log.h"
#include "relay/socket.h"

namespace holm::relay {

namespace {

constexpr size_t most_clients = 1024;  // of one port
constexpr int most_at_once = 64;       // before others have their turn
constexpr std::chrono::seconds patience{60};
using Packet = std::array<char, 65536>;

std::string key_of(const sockaddr_storage& address, socklen_t size)
{
    return {reinterpret_cast<const char*>(&address), size};
}

}  // namespace

Datagrams::Datagrams(kernel::EventLoop& loop, const network::Relayed& port)
    : loop_(loop), port_(port), silence_(loop, [this] { forget_silent(); })
{
}

Result<> Datagrams::open()
{
    socket_ = TRY(listen_at(port_));
    watch_ = TRY(loop_.watch(socket_.get(), EPOLLIN, [this](uint32_t) { receive(); }));
    return {};
}

void Datagrams::receive()
{
    Packet packet;
    for (int i = 0; i < most_at_once; ++i) {
        sockaddr_storage from{};
        socklen_t size = sizeof from;
        const ssize_t length = ::recvfrom(socket_.get(), packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
        if (length < 0) return;
        auto client = client_of(from, size);
        if (!client) return log_warning("{}", client.error().text);
        (*client)->last = Clock::now();
        (void)::send((*client)->socket.get(), packet.data(), static_cast<size_t>(length), MSG_NOSIGNAL);
    }
}

// A port of the machine that nobody listens at is told as an error of the socket: the client is told nothing, as by any router.
void Datagrams::answer(Clients::iterator client)
{
    Packet packet;
    for (int i = 0; i < most_at_once; ++i) {
        const ssize_t length = ::recv(client->socket.get(), packet.data(), packet.size(), 0);
        if (length < 0) return;
        (void)::sendto(socket_.get(), packet.data(), static_cast<size_t>(length), MSG_NOSIGNAL,
                       reinterpret_cast<const sockaddr*>(&client->address), client->size);
    }
}

Result<Datagrams::Clients::iterator> Datagrams::client_of(const sockaddr_storage& address, socklen_t size)
{
    if (auto known = by_address_.find(key_of(address, size)); known != by_address_.end()) {
        clients_.splice(clients_.end(), clients_, known->second);
        return known->second;
    }
    if (clients_.size() >= most_clients) forget(clients_.begin());
    Fd socket = TRY(connect_to(port_));
    auto client = clients_.emplace(clients_.end());
    client->address = address, client->size = size, client->socket = std::move(socket);
    by_address_[key_of(address, size)] = client;
    client->watch = TRY(loop_.watch(client->socket.get(), EPOLLIN, [this, client](uint32_t) { answer(client); }));
    if (!silence_.armed()) TRY(silence_.arm(patience));
    return client;
}

void Datagrams::forget(Clients::iterator client)
{
    by_address_.erase(key_of(client->address, client->size));
    clients_.erase(client);
}

void Datagrams::forget_silent()
{
    while (!clients_.empty() && clients_.front().last + patience <= Clock::now()) forget(clients_.begin());
    if (clients_.empty()) return;
    if (auto armed = silence_.arm(patience); !armed) log_warning("{}", armed.error().text);
}

}  // namespace holm::relay
