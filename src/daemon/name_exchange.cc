#include "daemon/name_exchange.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <ctime>

#include <algorithm>
#include <array>

#include "base/handle.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/network_files.h"
#include "network/apply_stations.h"
#include "network/station.h"

namespace holm::daemon {

using network::Announcement;
using network::Segment;

namespace {

constexpr std::chrono::seconds pause{5};  // after which all is said again, for who has not heard it
constexpr uint64_t patience = 600;        // seconds: a host whose holmd is dead has its names for that long
constexpr size_t most_frame = 64 << 10;
constexpr unsigned most_frames_a_turn = 64;             // others of the loop wait meanwhile
constexpr std::chrono::milliseconds answer_pause{200};  // one answer serves all who have asked meanwhile

uint64_t seconds_now()
{
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return static_cast<uint64_t>(now.tv_sec);
}

sockaddr_ll address_of(unsigned interface)
{
    return {.sll_family = AF_PACKET,
            .sll_protocol = htons(network::announcement_type),
            .sll_ifindex = static_cast<int>(interface),
            .sll_halen = 6,
            .sll_addr = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
}

std::string folder_of(const Segment& segment)
{
    return network_folder(Place::Up, segment.name) + "/peers";
}

std::string file_of(const Segment& segment, const network::Address& host)
{
    return fmt::format("{}/{}", folder_of(segment), network::describe(host));
}

// That an earlier holmd has heard.
std::vector<network::Address> list_hosts(const Segment& segment)
{
    std::vector<network::Address> hosts;
    Handle<DIR, ::closedir> folder(::opendir(folder_of(segment).c_str()));
    while (const dirent* entry = folder ? ::readdir(folder.get()) : nullptr)
        if (auto host = network::parse_ip(entry->d_name)) hosts.push_back(*host);
    return hosts;
}

void remove_file(const Segment& segment, const network::Address& host)
{
    ::unlink(file_of(segment, host).c_str());
}

// The files that the network's dnsmasq has of this host's own machines.
std::string read_names(const Segment& segment)
{
    const std::string path = network_folder(Place::Up, segment.name) + "/hosts";
    std::vector<std::string> machines;
    Handle<DIR, ::closedir> folder(::opendir(path.c_str()));
    while (const dirent* entry = folder ? ::readdir(folder.get()) : nullptr)
        if (entry->d_name[0] != '.') machines.emplace_back(entry->d_name);
    std::ranges::sort(machines);
    std::string names;
    for (const std::string& machine : machines) {
        auto text = read_regular_file(fmt::format("{}/{}", path, machine));
        if (text && names.size() + text->size() <= network::most_names) names += *text;
    }
    return names;
}

// With EVPN nobody has written who they are.
bool is_peer(const Segment& segment, const network::Address& host)
{
    if (segment.tunnel.evpn) return true;
    const auto read = read_peers(segment.name);
    const auto& peers = read && *read ? (*read)->addresses : segment.tunnel.peers;
    return std::ranges::find(peers, host) != peers.end();
}

// A number that no earlier announcement of this host has had.
uint64_t new_serial()
{
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

Result<Fd> open_socket(unsigned interface)
{
    Fd socket(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const sockaddr_ll address = address_of(interface);
    if (!socket || ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address))
        return sys_error("cannot open a socket for names");
    return socket;
}

// What does not get through is said again later.
void send(int socket, unsigned interface, const Announcement& whole, size_t most_bytes)
{
    const sockaddr_ll to = address_of(interface);
    for (const std::string& frame : network::describe_announcements(whole, most_bytes))
        (void)!::sendto(socket, frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

}  // namespace

Result<> say_farewell(const Segment& segment)
{
    const unsigned interface = segment.tunnel.id == 0 || !segment.dns ? 0 : ::if_nametoindex(segment.interface.c_str());
    if (!interface) return {};
    Fd socket = TRY(open_socket(interface));
    send(socket.get(), interface, {.host = segment.tunnel.local, .serial = new_serial()}, segment.mtu);
    return {};
}

void NameExchange::follow(std::span<const Segment> up)
{
    std::map<std::string, unsigned> wanted;
    for (const Segment& segment : up) {
        const unsigned interface = segment.tunnel.id == 0 || !segment.dns ? 0 : ::if_nametoindex(segment.interface.c_str());
        if (interface) wanted[segment.name] = interface;
    }
    std::erase_if(channels_, [&](const auto& entry) {
        auto one = wanted.find(entry.first);
        return one == wanted.end() || one->second != entry.second.interface;
    });
    for (const Segment& segment : up) {
        auto one = wanted.find(segment.name);
        if (one == wanted.end()) continue;
        auto channel = channels_.find(segment.name);
        if (channel != channels_.end()) {
            channel->second.segment = segment;
            std::string names = read_names(segment);
            if (names == channel->second.names) continue;
            channel->second.names = std::move(names);
            say(channel->second, false);
            lead(channel->second);
        } else if (auto opened = open(segment, one->second); !opened)
            log_error("network '{}' does not know the names of other hosts: {}", segment.name, opened.error().text);
    }
    if (channels_.empty()) again_.reset();
    else if (!again_) repeat();
}

Result<> NameExchange::open(const Segment& segment, unsigned interface)
{
    Fd socket = TRY(open_socket(interface));
    TRY(make_folders(folder_of(segment)));
    Channel& channel = channels_[segment.name];
    channel.segment = segment, channel.interface = interface, channel.socket = std::move(socket);
    channel.names = read_names(segment);
    auto readable = loop_.watch_io(channel.socket.get(), EPOLLIN, [this, &channel](uint32_t) { receive(channel); });
    if (!readable) {
        channels_.erase(segment.name);
        return readable.error();
    }
    channel.readable = std::move(*readable);
    for (const network::Address& host : list_hosts(segment)) {
        auto written = read_regular_file(file_of(segment, host));
        channel.heard.expect(host, seconds_now(), written ? std::optional(std::move(*written)) : std::nullopt);
    }
    say(channel, true);
    return {};
}

void NameExchange::receive(Channel& channel)
{
    std::array<char, most_frame> bytes;
    sockaddr_ll from{};
    for (unsigned i = 0; i < most_frames_a_turn; ++i) {
        socklen_t length = sizeof from;
        const ssize_t size = ::recvfrom(channel.socket.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
        if (size < 0) return;
        if (from.sll_pkttype != PACKET_OUTGOING) take(channel, {bytes.data(), static_cast<size_t>(size)});
    }
}

void NameExchange::take(Channel& channel, std::string_view frame)
{
    auto part = network::parse_announcement(frame, channel.segment);
    if (!part || part->host == channel.segment.tunnel.local) return;
    const network::Address host = part->host;
    const bool is_new = !channel.heard.knows(host), asks = part->asks && part->part == 0;
    if (is_new && !is_peer(channel.segment, host)) return;
    if (auto names = channel.heard.take(std::move(*part), seconds_now())) {
        const auto written = names->empty() ? (remove_file(channel.segment, host), Result<>())
                                            : replace_file(file_of(channel.segment, host), *names, 0644, Durable::No);
        const bool is_over = !written && written.error().sys_errno == ENOENT;  // the network has just gone
        if (!written && !is_over) log_error("{}", written.error().text);
        lead(channel);
    }
    if ((!is_new && !asks) || channel.answer) return;
    auto answer = loop_.after(answer_pause, [this, &channel] {
        channel.answer.reset();
        say(channel, false);
    });
    if (answer) channel.answer = std::move(*answer);
}

void NameExchange::say(Channel& channel, bool asks)
{
    const Announcement whole{
        .host = channel.segment.tunnel.local, .serial = new_serial(), .part = 0, .parts = 1, .asks = asks, .names = channel.names};
    send(channel.socket.get(), channel.interface, whole, channel.segment.mtu);
}

void NameExchange::lead(Channel& channel)
{
    auto led = network::lead_to_stations(channel.segment, network::find_stations(channel.names, channel.heard.names()));
    if (led) channel.problem.clear();
    else if (channel.problem != led.error().text) {
        channel.problem = led.error().text;
        log_warning("network '{}' asks all of its hosts where a machine is: {}", channel.segment.name, channel.problem);
    }
}

void NameExchange::repeat()
{
    const uint64_t now = seconds_now();
    for (auto& [network, channel] : channels_) {
        say(channel, false);
        for (const network::Address& host : channel.heard.forget_silent(now > patience ? now - patience : 0))
            remove_file(channel.segment, host);
        lead(channel);  // what others of the host have taken away meanwhile, too
    }
    auto again = loop_.after(pause, [this] { repeat(); });
    if (again) again_ = std::move(*again);
}

}  // namespace holm::daemon
