#include "network/relayed.h"

#include <algorithm>

#include "base/text.h"

namespace holm::network {

namespace {

const Address loopback4{Family::V4, {127, 0, 0, 1}};
const Address loopback6{Family::V6, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

// The machine's address behind one of the host: of its family where there is one.
const Cidr* find_inside(const Endpoint& endpoint, Family family)
{
    auto same = std::ranges::find(endpoint.addresses, family, [](const Cidr& one) { return one.address.family; });
    if (same != endpoint.addresses.end()) return &*same;
    return endpoint.addresses.empty() ? nullptr : &endpoint.addresses.front();
}

std::vector<Address> loopbacks_of(const Publication& published)
{
    if (published.address.empty()) return {loopback4, loopback6};
    const Result<Address> address = parse_ip(published.address);
    if (!address) return {};
    if (*address == Address{Family::V4, {}}) return {loopback4};
    if (*address == Address{Family::V6, {}}) return {loopback6};
    return is_loopback(*address) ? std::vector{*address} : std::vector<Address>();
}

Result<Relayed> parse_line(std::string_view line)
{
    const std::vector<std::string_view> words = split(line, ' ');
    const auto port = words.size() == 5 ? parse_number(words[2], 65535) : std::nullopt,
               inside = words.size() == 5 ? parse_number(words[4], 65535) : std::nullopt;
    if (!port || !inside || (words[0] != "tcp" && words[0] != "udp"))
        return error(Errc::Invalid, "'{}' is no port that is relayed", printable(line, 80));
    const Address outer = TRY(parse_ip(words[1])), inner = TRY(parse_ip(words[3]));
    return Relayed{.protocol = std::string(words[0]),
                   .address = outer,
                   .port = static_cast<uint16_t>(*port),
                   .inside = inner,
                   .inside_port = static_cast<uint16_t>(*inside)};
}

}  // namespace

bool is_loopback(const Address& address)
{
    return address.family == Family::V4 ? address.bytes[0] == 127 : address == loopback6;
}

std::vector<Relayed> relayed_of(const Plan& plan)
{
    std::vector<Relayed> ports;
    for (const Endpoint& endpoint : plan.endpoints)
        for (const Publication& published : endpoint.published) {
            const unsigned count = published.host_last - published.host_first + 1U;
            if (count > most_relayed_ports) continue;
            for (const Address& address : loopbacks_of(published)) {
                const Cidr* inside = find_inside(endpoint, address.family);
                for (unsigned i = 0; inside && i < count; ++i)
                    ports.push_back({.protocol = published.protocol,
                                     .address = address,
                                     .port = static_cast<uint16_t>(published.host_first + i),
                                     .inside = inside->address,
                                     .inside_port = static_cast<uint16_t>(published.first + i)});
            }
        }
    return ports;
}

std::string describe_relayed(std::span<const Relayed> ports)
{
    std::string text;
    for (const Relayed& port : ports)
        text += fmt::format("{} {} {} {} {}\n", port.protocol, describe(port.address), port.port, describe(port.inside), port.inside_port);
    return text;
}

Result<std::vector<Relayed>> parse_relayed(std::string_view text)
{
    std::vector<Relayed> ports;
    for (std::string_view line : split(text, '\n'))
        if (!line.empty()) ports.push_back(TRY(parse_line(line)));
    return ports;
}

}  // namespace holm::network
