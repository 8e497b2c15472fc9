#include <netinet/in.h>
#include <pwd.h>

#include <algorithm>
#include <array>

#include "kernel/listening.h"
#include "network/observe.h"
#include "network/publication.h"

namespace holm::network {

namespace {

constexpr const char* own_user = "holm-network";  // of holm-relay and of the name services

// As a publication has it: one of IPv6 that takes what comes by IPv4 as well is of both, or of IPv4 where its address is one.
std::string address_of(const kernel::ListeningSocket& socket)
{
    constexpr std::array<uint8_t, 12> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};  // RFC 4291, 2.5.5.2
    Address address{.family = socket.address.size() == 4 ? Family::V4 : Family::V6};
    std::ranges::copy(socket.address, address.bytes.begin());
    if (address == Address{Family::V6, {}} && !socket.v6_only) return "";
    if (address.family == Family::V6 && std::ranges::equal(std::span(address.bytes).first(mapped.size()), mapped)) {
        address = {.family = Family::V4};
        std::copy_n(socket.address.begin() + mapped.size(), 4, address.bytes.begin());
    }
    return describe(address);
}

// Of one protocol.
Result<> add_listeners(std::span<const Publication> published, const std::string& protocol, std::vector<Listener>& listeners)
{
    uint16_t first = UINT16_MAX, last = 0;
    for (const Publication& one : published)
        if (one.protocol == protocol) first = std::min(first, one.host_first), last = std::max(last, one.host_last);
    if (first > last) return {};
    for (const kernel::ListeningSocket& socket : TRY(kernel::list_listening(protocol == "tcp" ? IPPROTO_TCP : IPPROTO_UDP, first, last))) {
        Listener listener{.protocol = protocol, .address = address_of(socket), .port = socket.port};
        if (std::ranges::none_of(published, [&](const Publication& one) { return collide(one, listener); })) continue;
        const passwd* own = ::getpwnam(own_user);
        if (!own || own->pw_uid != socket.uid) listeners.push_back(std::move(listener));
    }
    return {};
}

}  // namespace

Result<std::vector<Listener>> observe_listeners(std::span<const Publication> published)
{
    std::vector<Listener> listeners;
    for (const char* protocol : {"tcp", "udp"}) TRY(add_listeners(published, protocol, listeners));
    return listeners;
}

Result<std::vector<Listener>> observe_listeners(const machine::Spec& spec, const Plan& running)
{
    std::vector<Publication> published;
    for (const machine::NetworkSpec& entry : spec.networks)
        for (const std::string& text : entry.publish) published.push_back(TRY(parse_published(text)));
    for (const Endpoint& endpoint : running.endpoints)
        std::erase_if(published, [&](const auto& one) { return std::ranges::find(endpoint.published, one) != endpoint.published.end(); });
    return observe_listeners(published);
}

}  // namespace holm::network
