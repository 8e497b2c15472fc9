// NetworkServices: the units that serve networks while there is something to serve: the dnsmasq of each network that is up
// (holm-network@NAME.service), and the relay of ports of the loopback (holm-relay.service). Effects: bus calls.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>

#include "network/segment.h"
#include "systemd/loop.h"
#include "systemd/unit.h"

namespace holm::daemon {

class NetworkServices {
public:
    // `followed` is given the networks that are up, each time that something may have changed.
    using Followed = std::function<void(std::span<const network::Segment> up)>;
    NetworkServices(systemd::Loop& loop, systemd::Units& units, Followed followed = {})
        : loop_(loop), units_(units), followed_(std::move(followed))
    {
    }

    // Starts what has come to be needed and stops what is not any more, as /run/holm/networks and /run/holm/relay say now. A service that
    // cannot be started is said: machines go on without it. Not at once, but when all that is ready now is done: no start waits for it.
    void follow();
    // Their bridges are new ones: what is bound to those that were is started anew.
    void restart(const std::set<std::string>& networks);
    // The units of an earlier connection, or of an earlier holmd: what is needed is asked for again, and what runs and is not, stopped.
    void forget();

private:
    void look();
    void change(systemd::UnitVerb verb, const std::string& unit);

    systemd::Loop& loop_;
    systemd::Units& units_;
    Followed followed_;
    std::set<std::string> started_;
    std::set<std::string> left_;                            // by an earlier holmd
    std::map<std::string, systemd::Operation> operations_;  // by unit
    systemd::Source looking_;
};

}  // namespace holm::daemon
