// HostNames: tells systemd-resolved, where it runs, whom to ask for the names of machines: of each network that gives names its domain and
// its gateways, as those of its bridge. Effects: bus calls.
#pragma once

#include <list>
#include <map>
#include <string>

#include "network/segment.h"
#include "systemd/bus.h"

namespace holm::daemon {

class HostNames {
public:
    explicit HostNames(systemd::Bus& bus) : bus_(bus) {}
    HostNames(const HostNames&) = delete;
    HostNames& operator=(const HostNames&) = delete;

    // Of the networks that are up and have not been told of. Where resolved does not run nothing happens, and it is not started.
    void follow();
    // One of them; `link`: the index of its bridge.
    void tell(const network::Segment& segment, int32_t link);
    // Another connection: all are told again.
    void forget();

private:
    template <typename... T>
    void call(const char* method, const T&... arguments);

    systemd::Bus& bus_;
    std::map<std::string, int32_t> told_;  // the link of each network
    std::list<systemd::Pending> calls_;
};

}  // namespace holm::daemon
