#include "daemon/host_names.h"

#include <net/if.h>
#include <sys/socket.h>

#include "base/log.h"
#include "daemon/network_files.h"

namespace holm::daemon {

namespace {

constexpr std::chrono::seconds patience{5};

using Server = std::tuple<int32_t, std::vector<uint8_t>>;

std::vector<Server> servers_of(const network::Segment& segment)
{
    std::vector<Server> servers;
    for (const network::Subnet& subnet : segment.subnets) {
        const bool v4 = subnet.gateway.family == network::Family::V4;
        const auto& bytes = subnet.gateway.bytes;
        servers.emplace_back(v4 ? AF_INET : AF_INET6, std::vector<uint8_t>(bytes.begin(), bytes.begin() + (v4 ? 4 : 16)));
    }
    return servers;
}

}  // namespace

void HostNames::follow()
{
    std::map<std::string, int32_t> now;
    for (const network::Segment& segment : list_segments(Place::Up)) {
        const auto link = static_cast<int32_t>(::if_nametoindex(segment.interface.c_str()));
        if (!segment.dns || link == 0) continue;
        now[segment.name] = link;
        auto told = told_.find(segment.name);
        if (told == told_.end() || told->second != link) tell(segment, link);
    }
    told_ = std::move(now);
}

// The domain routes its names to these servers, and nothing else: "true" of SetLinkDomains.
void HostNames::tell(const network::Segment& segment, int32_t link)
{
    call("SetLinkDNS", link, servers_of(segment));
    call("SetLinkDomains", link, std::vector<std::tuple<std::string, bool>>{{segment.domain, true}});
}

void HostNames::forget()
{
    told_.clear();
    calls_.clear();
}

template <typename... T>
void HostNames::call(const char* method, const T&... arguments)
{
    auto message = bus_.new_call({"org.freedesktop.resolve1", "/org/freedesktop/resolve1", "org.freedesktop.resolve1.Manager", method});
    if (!message || sd_bus_message_set_auto_start(message->get(), 0) < 0 || !systemd::append_all(message->get(), arguments...)) return;
    auto place = calls_.emplace(calls_.end());
    *place = bus_.send(std::move(*message), patience, [this, place, method](const Result<sd_bus_message*>& answer) {
        auto ended = std::move(*place);
        calls_.erase(place);
        if (!answer) log_debug("systemd-resolved is not told of machines' names, {}: {}", method, answer.error().text);
    });
}

}  // namespace holm::daemon
