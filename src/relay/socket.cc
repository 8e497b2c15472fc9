#include "relay/socket.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/text.h"

namespace holm::relay {

namespace {

using network::Address;
using network::Family;

constexpr int backlog = 128;

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

SocketAddress socket_address(const Address& address, uint16_t port)
{
    SocketAddress made;
    if (address.family == Family::V4) {
        auto* v4 = reinterpret_cast<sockaddr_in*>(&made.storage);
        v4->sin_family = AF_INET, v4->sin_port = htons(port);
        std::copy_n(address.bytes.begin(), 4, reinterpret_cast<uint8_t*>(&v4->sin_addr));
        made.size = sizeof *v4;
    } else {
        auto* v6 = reinterpret_cast<sockaddr_in6*>(&made.storage);
        v6->sin6_family = AF_INET6, v6->sin6_port = htons(port);
        std::ranges::copy(address.bytes, reinterpret_cast<uint8_t*>(&v6->sin6_addr));
        made.size = sizeof *v6;
    }
    return made;
}

Fd make_socket(const network::Relayed& port, const Address& address)
{
    const int type = port.protocol == "tcp" ? SOCK_STREAM : SOCK_DGRAM;
    return Fd(::socket(address.family == Family::V4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

}  // namespace

Result<Fd> listen_at(const network::Relayed& port)
{
    const int on = 1;
    Fd socket = make_socket(port, port.address);
    const SocketAddress address = socket_address(port.address, port.port);
    const bool is_stream = port.protocol == "tcp";
    const bool listens = socket && (!is_stream || !::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on)) &&
                         !::bind(socket.get(), address.get(), address.size) && (!is_stream || !::listen(socket.get(), backlog));
    if (!listens) return sys_error("cannot listen at {} port {} of {}", describe(port.address), port.port, port.protocol);
    return socket;
}

Result<Fd> connect_to(const network::Relayed& port)
{
    Fd socket = make_socket(port, port.inside);
    const SocketAddress address = socket_address(port.inside, port.inside_port);
    if (!socket || (::connect(socket.get(), address.get(), address.size) && errno != EINPROGRESS))
        return sys_error("cannot reach {} port {} of {}", describe(port.inside), port.inside_port, port.protocol);
    return socket;
}

}  // namespace holm::relay
