// Datagrams: a UDP port of the host's loopback. Each client has a socket of its own to the machine, so that answers find their way; one
// that is silent for a minute is forgotten. Effects.
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <list>
#include <map>
#include <string>

#include "kernel/event.h"
#include "network/relayed.h"

namespace holm::relay {

class Datagrams {
public:
    Datagrams(kernel::EventLoop& loop, const network::Relayed& port);
    Datagrams(const Datagrams&) = delete;
    Datagrams& operator=(const Datagrams&) = delete;
    Result<> open();

private:
    using Clock = std::chrono::steady_clock;
    struct Client {
        sockaddr_storage address{};
        socklen_t size = 0;
        Fd socket;
        kernel::Watch watch;
        Clock::time_point last;
    };
    using Clients = std::list<Client>;  // who was heard last stands last

    void receive();
    void answer(Clients::iterator client);
    Result<Clients::iterator> client_of(const sockaddr_storage& address, socklen_t size);
    void forget(Clients::iterator client);
    void forget_silent();

    kernel::EventLoop& loop_;
    network::Relayed port_;
    Fd socket_;
    kernel::Watch watch_;
    kernel::Timer silence_;
    Clients clients_;
    std::map<std::string, Clients::iterator> by_address_;
};

}  // namespace holm::relay
