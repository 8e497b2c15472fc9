#include "wire.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../must.h"
#include "kernel/sysctl.h"

namespace holm::test {

namespace {

// A raw socket of this family in the network namespace behind the pidfd.
Fd open_raw(int network_namespace, int family)
{
    Fd own = must(open_file("/proc/self/ns/net", O_RDONLY));
    if (setns(network_namespace, CLONE_NEWNET)) abort();
    Fd raw(socket(family, SOCK_RAW | SOCK_CLOEXEC, family == AF_INET ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6}));
    if (setns(own.get(), CLONE_NEWNET)) abort();
    return raw;
}

// Whether an answer of that type comes before the time is over; others are passed over.
bool hears(int raw, int family)
{
    unsigned char packet[512];
    for (int i = 0; i < 50; ++i) {
        pollfd waiting{.fd = raw, .events = POLLIN, .revents = 0};
        if (poll(&waiting, 1, 2000) != 1) return false;
        ssize_t size = recv(raw, packet, sizeof packet, 0);
        if (family == AF_INET && size >= 28 && packet[20] == ICMP_ECHOREPLY) return true;
        if (family == AF_INET6 && size >= 8 && packet[0] == ICMP6_ECHO_REPLY) return true;
    }
    return false;
}

uint16_t checksum_of(const icmphdr& header)
{
    uint16_t words[sizeof header / 2];
    memcpy(words, &header, sizeof header);
    uint32_t sum = 0;
    for (uint16_t word : words) sum += word;
    return static_cast<uint16_t>(~((sum & 0xffff) + (sum >> 16)));
}

}  // namespace

void Wire::SetUp()
{
    if (geteuid() != 0 || unshare(CLONE_NEWNET)) GTEST_SKIP() << "needs root";
    ip("link set lo up");
}

std::optional<kernel::Link> Wire::link(const std::string& name)
{
    kernel::Netlink netlink = must(kernel::open_netlink());
    return must(kernel::find_link(netlink, name));
}

std::vector<std::string> Wire::addresses(kernel::Netlink& netlink, const std::string& name)
{
    std::vector<std::string> texts;
    auto found = must(kernel::find_link(netlink, name));
    for (auto& address : must(kernel::list_addresses(netlink, found ? found->index : -1))) {
        char text[INET6_ADDRSTRLEN];
        inet_ntop(address.address.size() == 4 ? AF_INET : AF_INET6, address.address.data(), text, sizeof text);
        texts.push_back(fmt::format("{}/{}{}", text, address.length, address.tentative ? "?" : ""));
    }
    return texts;
}

std::vector<std::string> Wire::addresses(const std::string& name)
{
    kernel::Netlink netlink = must(kernel::open_netlink());
    return addresses(netlink, name);
}

std::string Wire::sysctl(const std::string& path)
{
    return must(kernel::read_sysctl(path));
}

void Wire::ip(const std::string& arguments)
{
    ASSERT_EQ(system(("ip " + arguments).c_str()), 0) << arguments;
}

Namespace::Namespace()
{
    child_ = must(kernel::clone_process(CLONE_NEWUSER | CLONE_NEWNET));
    if (child_.pid) return;
    for (;;) pause();
}

Namespace::~Namespace()
{
    (void)kernel::signal_process(child_.pidfd.get(), SIGKILL);
    (void)kernel::wait_exit(child_.pidfd.get());
}

kernel::Netlink Namespace::netlink() const
{
    return must(kernel::open_netlink_in(descriptor()));
}

bool Namespace::reaches(const std::string& address) const
{
    in6_addr bytes{};
    bool v4 = inet_pton(AF_INET, address.c_str(), &bytes) == 1;
    if (!v4 && inet_pton(AF_INET6, address.c_str(), &bytes) != 1) abort();
    const int family = v4 ? AF_INET : AF_INET6;
    Fd raw = open_raw(descriptor(), family);
    icmphdr echo{.type = static_cast<uint8_t>(v4 ? int{ICMP_ECHO} : ICMP6_ECHO_REQUEST)};
    echo.checksum = v4 ? checksum_of(echo) : 0;  // of IPv6 the kernel makes it
    sockaddr_in to4{.sin_family = AF_INET};
    sockaddr_in6 to6{.sin6_family = AF_INET6};
    memcpy(&to4.sin_addr, &bytes, sizeof to4.sin_addr);
    to6.sin6_addr = bytes;
    auto* to = v4 ? reinterpret_cast<sockaddr*>(&to4) : reinterpret_cast<sockaddr*>(&to6);
    if (sendto(raw.get(), &echo, sizeof echo, 0, to, v4 ? sizeof to4 : sizeof to6) < 0) return false;
    return hears(raw.get(), family);
}

network::Segment make_segment(const std::string& name, std::vector<std::string> gateways)
{
    network::Segment segment{.name = name, .interface = "holm-" + name};
    for (const std::string& text : gateways) {
        network::Cidr gateway = must(network::parse_cidr(text));
        segment.subnets.push_back({.block = network::block_of(gateway), .gateway = gateway.address});
    }
    return segment;
}

network::Endpoint make_endpoint(const network::Segment& segment, const std::string& interface, uint8_t number)
{
    network::Endpoint endpoint{.network = segment.name,
                               .parent = segment.interface,
                               .host_interface = fmt::format("hm{:012x}", number),
                               .interface = interface,
                               .mac = {2, 0, 0, 0, 0, number}};
    for (const network::Subnet& subnet : segment.subnets) {
        network::Cidr address = subnet.block;
        address.address.bytes[subnet.block.address.family == network::Family::V4 ? 3 : 15] = number;
        endpoint.addresses.push_back(address);
        endpoint.gateways.push_back(subnet.gateway);
    }
    return endpoint;
}

}  // namespace holm::test
