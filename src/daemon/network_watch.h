// NetworkWatch: notices at once what others take away of holm's networks: a bridge that is deleted, a firewall that is flushed. Nothing
// is polled. Effects: reads netlink.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "kernel/network_events.h"
#include "systemd/loop.h"

namespace holm::daemon {

class NetworkWatch {
public:
    // `lost` is called from the loop some moments after; `bridges` has the networks whose bridge is not there.
    using Lost = std::function<void(const std::set<std::string>& bridges)>;
    NetworkWatch(systemd::Loop& loop, Lost lost) : loop_(loop), lost_(std::move(lost)) {}
    NetworkWatch(const NetworkWatch&) = delete;
    NetworkWatch& operator=(const NetworkWatch&) = delete;
    // A kernel that tells nothing of its firewall is not watched for it.
    Result<> open();

private:
    Result<systemd::Source> watch(int socket);
    void receive(int socket);
    void look_later();
    void look();

    systemd::Loop& loop_;
    Lost lost_;
    Fd links_, tables_;
    systemd::Source link_source_, table_source_, pause_;
};

}  // namespace holm::daemon
