// NameServices: the dnsmasq of each network that is up, holm-network@NAME.service. Effects: bus calls.
#pragma once

#include <map>
#include <set>
#include <string>

#include "systemd/unit.h"

namespace holm::daemon {

class NameServices {
public:
    explicit NameServices(systemd::Units& units) : units_(units) {}

    // Starts those of networks that have come up, and stops those of networks that are gone, as /run/holm/networks says now. A service
    // that cannot be started is said: machines go on without names.
    void follow();
    // The units of an earlier connection, or of an earlier holmd: they are asked for again.
    void forget() { started_.clear(); }

private:
    void change(systemd::UnitVerb verb, const std::string& network);

    systemd::Units& units_;
    std::set<std::string> started_;
    std::map<std::string, systemd::Operation> operations_;  // by network
};

}  // namespace holm::daemon
