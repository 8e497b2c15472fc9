// NameExchange: says on each VXLAN that is up which names this host's machines have, and writes down what the other hosts say, for the
// network's dnsmasq, and tells the kernel where their machines are. Effects: sends and receives frames, writes files, rtnetlink.
#pragma once

#include <map>
#include <span>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "network/announcement.h"
#include "network/segment.h"
#include "systemd/loop.h"

namespace holm::daemon {

// This host has no machines there any more: said by who takes the network down, while its bridge is there.
Result<> say_farewell(const network::Segment& segment);

class NameExchange {
public:
    explicit NameExchange(systemd::Loop& loop) : loop_(loop) {}
    NameExchange(const NameExchange&) = delete;
    NameExchange& operator=(const NameExchange&) = delete;
    // The networks that are up now, whose machines may be others now: that is said at once where it is so.
    void follow(std::span<const network::Segment> up);

private:
    struct Channel {
        network::Segment segment;
        unsigned interface = 0;  // its index
        Fd socket;
        systemd::Source readable;
        network::Heard heard;
        std::string names;       // of this host's own machines, as last read
        systemd::Source answer;  // soon, to those who have asked
        std::string problem;     // why frames are not led to the other hosts' machines, as last said
    };
    Result<> open(const network::Segment& segment, unsigned interface);
    void receive(Channel& channel);
    void take(Channel& channel, std::string_view frame);
    void say(Channel& channel, bool asks);
    // Frames for the machines that the other hosts have announced go to them.
    void lead(Channel& channel);
    void repeat();

    systemd::Loop& loop_;
    std::map<std::string, Channel> channels_;  // by network
    systemd::Source again_;
};

}  // namespace holm::daemon
