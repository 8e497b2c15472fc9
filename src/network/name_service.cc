#include "network/name_service.h"

#include "base/text.h"
#include "network/station.h"

namespace holm::network {

namespace {

class Lines {
public:
    template <typename... Args>
    void add(fmt::format_string<Args...> format, Args&&... args)
    {
        text_ += fmt::format(format, std::forward<Args>(args)...);
        text_ += '\n';
    }
    std::string take() { return std::move(text_); }

private:
    std::string text_;
};

const Subnet* find_subnet(const Segment& segment, Family family)
{
    for (const Subnet& subnet : segment.subnets)
        if (subnet.block.address.family == family) return &subnet;
    return nullptr;
}

std::string describe_mask(const Subnet& subnet)
{
    Address mask{.family = Family::V4, .bytes = {255, 255, 255, 255}};
    return describe(block_of({mask, subnet.block.length}).address);
}

void append_dns(const Segment& segment, const std::string& folder, const std::string& host_name, Lines& lines)
{
    if (!segment.dns) return lines.add("port=0");
    if (segment.dns_port != dns_port) lines.add("port={}", segment.dns_port);
    lines.add("domain={}", segment.domain);
    lines.add("local=/{}/", segment.domain);
    lines.add("domain-needed");
    lines.add("bogus-priv");
    lines.add("cache-size=1000");
    lines.add("no-hosts");
    lines.add("hostsdir={}/hosts", folder);
    if (segment.tunnel.id != 0) lines.add("hostsdir={}/peers", folder);
    if (segment.isolated) lines.add("no-resolv");
    std::string gateways;
    for (const Subnet& subnet : segment.subnets) gateways += fmt::format(",{}", describe(subnet.gateway));
    if (!host_name.empty() && !gateways.empty())
        lines.add("host-record={0}.{1}{2}{3}", host_name, segment.domain, host_name.contains('.') ? "" : "," + host_name, gateways);
}

void append_dhcp_v4(const Segment& segment, const Subnet& subnet, Lines& lines)
{
    lines.add("dhcp-range={},static,{},infinite", describe(subnet.block.address), describe_mask(subnet));
    if (segment.isolated) lines.add("dhcp-option=option:router");
    else lines.add("dhcp-option=option:router,{}", describe(subnet.gateway));
    if (segment.dns) lines.add("dhcp-option=option:dns-server,{}", describe(subnet.gateway));
    if (segment.mtu != 0) lines.add("dhcp-option=option:mtu,{}", segment.mtu);
}

// No SLAAC: addresses of a machine are those of its lease. An isolated network's router has a lifetime of 0: it is nobody's default.
void append_dhcp_v6(const Segment& segment, const Subnet& subnet, Lines& lines)
{
    lines.add("enable-ra");
    lines.add("dhcp-range={},static,{},infinite", describe(subnet.block.address), subnet.block.length);
    const std::string mtu = segment.mtu == 0 ? "" : fmt::format("mtu:{},", segment.mtu);
    if (segment.isolated) lines.add("ra-param={},{}600,0", segment.interface, mtu);
    else if (segment.mtu != 0) lines.add("ra-param={},{}600", segment.interface, mtu);
    if (segment.dns) lines.add("dhcp-option=option6:dns-server,[{}]", describe(subnet.gateway));
}

void append_dhcp(const Segment& segment, const std::string& folder, Lines& lines)
{
    const Subnet *v4 = find_subnet(segment, Family::V4), *v6 = find_subnet(segment, Family::V6);
    if (!segment.dhcp || (!v4 && !v6)) return;
    lines.add("dhcp-authoritative");
    lines.add("leasefile-ro");
    lines.add("no-ping");
    lines.add("dhcp-hostsdir={}/dhcp", folder);
    if (v4) append_dhcp_v4(segment, *v4, lines);
    if (v6) append_dhcp_v6(segment, *v6, lines);
}

}  // namespace

std::string describe_dnsmasq(const Segment& segment, const std::string& folder, const std::string& host_name)
{
    Lines lines;
    lines.add("# Written by holm: the names and addresses of network '{}'.", segment.name);
    lines.add("user=dnsmasq");
    lines.add("keep-in-foreground");
    lines.add("log-facility=-");
    lines.add("pid-file");
    lines.add("interface={}", segment.interface);
    lines.add("except-interface=lo");
    lines.add("bind-interfaces");
    append_dns(segment, folder, host_name, lines);
    append_dhcp(segment, folder, lines);
    return lines.take();
}

std::string describe_hosts(const Segment& segment, const std::string& machine, const Endpoint& endpoint)
{
    if (endpoint.network != segment.name) return "";
    std::string names = fmt::format("{0} {0}.{1}", machine, segment.domain);
    for (const std::string& alias : endpoint.aliases) names += fmt::format(" {0} {0}.{1}", alias, segment.domain);
    Lines lines;
    for (const Cidr& address : endpoint.addresses) lines.add("{} {}", describe(address.address), names);
    if (segment.tunnel.id != 0)
        for (const Cidr& address : endpoint.addresses) lines.add("{}", describe_station(address.address, endpoint.mac));
    return lines.take();
}

std::string describe_dhcp(const Segment& segment, const std::string& machine, const Endpoint& endpoint)
{
    if (endpoint.network != segment.name) return "";
    std::string line = describe(endpoint.mac);
    for (Family family : {Family::V4, Family::V6}) {
        const Subnet* subnet = find_subnet(segment, family);
        for (const Cidr& address : endpoint.addresses) {
            if (!subnet || !contains(subnet->block, address.address)) continue;
            line += family == Family::V4 ? fmt::format(",{}", describe(address.address)) : fmt::format(",[{}]", describe(address.address));
            break;
        }
    }
    // dnsmasq takes what is behind a dot for a domain, and one that is not its own for a mistake.
    if (!machine.contains('.')) line += "," + machine;
    return line + ",infinite\n";
}

}  // namespace holm::network
