// Relay: serves what the files of its folder say, and follows them. Effects.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "kernel/event.h"
#include "network/relayed.h"
#include "relay/datagrams.h"
#include "relay/stream.h"

namespace holm::relay {

// A TCP port of the host's loopback, with its connections.
class Listener {
public:
    Listener(kernel::EventLoop& loop, const network::Relayed& port) : loop_(loop), port_(port) {}
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    Result<> open();

private:
    void accept();

    kernel::EventLoop& loop_;
    network::Relayed port_;
    Fd socket_;
    kernel::Watch watch_;
    std::list<std::unique_ptr<Stream>> streams_;
};

class Relay {
public:
    Relay(kernel::EventLoop& loop, std::string folder) : loop_(loop), folder_(std::move(folder)), again_(loop, [this] { follow(); }) {}
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;
    // Until an error that cannot be gone on from.
    Result<> run();

private:
    Result<> watch_folder();
    std::set<network::Relayed> read_folder() const;
    void follow();
    void open(const network::Relayed& port);

    kernel::EventLoop& loop_;
    std::string folder_;
    Fd changes_;
    kernel::Watch watch_;
    kernel::Timer again_;
    std::map<network::Relayed, std::unique_ptr<Listener>> listeners_;
    std::map<network::Relayed, std::unique_ptr<Datagrams>> datagrams_;
    std::set<network::Relayed> refused_;  // said already
};

}  // namespace holm::relay
