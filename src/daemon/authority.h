// Authority: may this caller do this? Root may; all others are asked about through polkit, without waiting. Effects: bus calls.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "daemon/reply.h"
#include "systemd/bus.h"

namespace holm::daemon {

// A class of verbs; one polkit action each (conf/org.holm1.policy).
enum class Privilege {
    Manage,     // run, create, write, remove, enable, reload
    StartStop,  // start, stop, restart, reboot, terminate, kill, freeze, thaw
    Login,      // a login prompt, the console
    Shell,      // a command inside, as any user
    Inspect,    // definition, plan, console output, all properties
    Images,     // import, export, change and remove images
    Networks,   // make and remove networks, join and leave them, publish ports
};

// What is asked, as the details of polkit: a rule may look at each.
struct Verb {
    Privilege privilege;
    const char* name;     // "start"
    std::string machine;  // "" where it is about none
    std::string user;     // inside, of Shell
    std::string owner;    // the machine's owner on the host; "" = none
    std::string image;    // "" where it is about none
    std::string network;  // "" where it is about none
    std::string slice;    // whose machine it is that is asked about: a refusal names the slice alone
};

struct Credentials {
    uint32_t uid = UINT32_MAX;
    uint32_t pid = 0;
};

class Authority {
public:
    explicit Authority(systemd::Bus& bus) : bus_(bus) {}
    Authority(const Authority&) = delete;
    Authority& operator=(const Authority&) = delete;

    using Known = std::move_only_function<void(Result<Credentials>)>;
    using Granted = std::move_only_function<void(Reply)>;

    // Who is at the other end of a call, as dbus-daemon has seen it at connect.
    void identify(const std::string& sender, Known known);
    // Calls `granted` with the reply when the caller may; else answers Denied.
    void authorise(Reply reply, Verb verb, Granted granted);
    // The connection has ended: its names mean nothing any more, and who asked is gone.
    void forget();

private:
    void ask_polkit(Reply reply, Verb verb, Granted granted);
    // Sends a call whose Pending lives here until it is answered.
    template <typename... T>
    void call(const systemd::Member& member, std::chrono::microseconds timeout, systemd::Answered answered, const T&... arguments);

    systemd::Bus& bus_;
    std::list<systemd::Pending> calls_;
    std::map<std::string, Credentials> known_;  // a unique name is never given twice, and its credentials never change
    std::deque<std::string> order_;             // of known_, oldest first
};

const char* action_name(Privilege privilege);

}  // namespace holm::daemon
