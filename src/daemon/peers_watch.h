// PeersWatch: notices by inotify(7) that a peers_file of a network that is up has changed, and has its peers read again in a child of
// holmd. Effects: reads inotify, makes processes.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "daemon/worker.h"
#include "network/segment.h"
#include "systemd/loop.h"

namespace holm::daemon {

class PeersWatch {
public:
    explicit PeersWatch(systemd::Loop& loop) : loop_(loop) {}
    PeersWatch(const PeersWatch&) = delete;
    PeersWatch& operator=(const PeersWatch&) = delete;
    // The networks that are up now: the files of these are watched, and no others.
    void follow(std::span<const network::Segment> up);

private:
    struct Watched {
        std::string network, folder, file;
        auto operator<=>(const Watched&) const = default;
    };
    Result<> begin(const std::set<Watched>& wanted);
    void receive();
    void read_soon();
    void read_again();

    systemd::Loop& loop_;
    Fd events_;  // made anew with what is watched
    std::set<Watched> watched_;
    std::multimap<int, Watched> by_number_;  // of inotify: one a folder
    std::set<std::string> changed_;          // networks
    systemd::Source readable_, pause_;
    std::unique_ptr<Worker> reader_;
};

}  // namespace holm::daemon
