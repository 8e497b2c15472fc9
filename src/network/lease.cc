#include "network/lease.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "machine/identifiers.h"
#include "network/codecs.h"
#include "network/stable_hash.h"

namespace holm::network {

namespace {

// A lease is being made for `request` on `segment`; `others` are all but its own.
struct Draw {
    const Segment& segment;
    const LeaseRequest& request;
    const Lease* before;
    std::span<const Lease> others;
};

const Lease* find_holder(std::span<const Lease> leases, const Address& address)
{
    auto holder = std::ranges::find_if(
        leases, [&](const Lease& lease) { return std::ranges::find(lease.addresses, address) != lease.addresses.end(); });
    return holder == leases.end() ? nullptr : &*holder;
}

const Lease* find_holder(std::span<const Lease> leases, const Mac& mac)
{
    auto holder = std::ranges::find(leases, mac, &Lease::mac);
    return holder == leases.end() ? nullptr : &*holder;
}

bool is_unicast(const Mac& mac)
{
    return (mac[0] & 1) == 0 && mac != Mac{};
}

// Why no machine can have this address of the subnet; "": it can.
std::string_view find_use(const Subnet& subnet, const Address& address)
{
    if (address == subnet.gateway) return "the gateway's";
    if (address == subnet.block.address) return "the network's own";
    if (address.family == Family::V4 && address == last_of(subnet.block)) return "for broadcasts";
    return "";
}

Result<Mac> plan_mac(const Draw& draw)
{
    const LeaseRequest& request = draw.request;
    if (!request.mac.empty()) {
        const Mac mac = TRY(parse_mac_bytes(request.mac));
        if (!is_unicast(mac)) return error(Errc::Invalid, "the MAC address {} is of a group, not of one station", describe(mac));
        if (const Lease* holder = find_holder(draw.others, mac))
            return error(Errc::Busy, "the MAC address {} is machine '{}''s on network '{}'", describe(mac), holder->machine,
                         draw.segment.name);
        return mac;
    }
    if (draw.before && is_unicast(draw.before->mac) && !find_holder(draw.others, draw.before->mac)) return draw.before->mac;
    // Where several hosts have the network a machine may come up on another one, where it has another uuid and the same name.
    const std::string& identity = draw.segment.tunnel.id == 0 ? request.uuid : request.machine;
    unsigned attempt = 0;
    Mac mac = derive_mac(identity, draw.segment.name, request.interface, attempt);
    while (find_holder(draw.others, mac)) mac = derive_mac(identity, draw.segment.name, request.interface, ++attempt);
    return mac;
}

Result<> check_free(const Draw& draw, const Address& address)
{
    const Lease* holder = find_holder(draw.others, address);
    if (!holder) return {};
    return error(Errc::Busy, "the address {} is machine '{}''s on network '{}'", describe(address), holder->machine, draw.segment.name);
}

// Asked for with or without a length, which then must be the subnet's.
Result<Address> parse_wanted(const Draw& draw, const std::string& text)
{
    const std::string name = text.substr(0, text.find('/'));
    const Address address = TRY(parse_ip(name));
    auto subnet = std::ranges::find_if(draw.segment.subnets, [&](const Subnet& one) { return contains(one.block, address); });
    if (subnet == draw.segment.subnets.end())
        return error(Errc::Invalid, "the address {} is in no subnet of network '{}'", name, draw.segment.name);
    if (text.size() != name.size() && TRY(parse_cidr(text)).length != subnet->block.length)
        return error(Errc::Invalid, "the address {} of network '{}' has the length /{} there", text, draw.segment.name,
                     subnet->block.length);
    if (std::string_view use = find_use(*subnet, address); !use.empty())
        return error(Errc::Invalid, "the address {} of network '{}' is {}", name, draw.segment.name, use);
    TRY(check_free(draw, address));
    return address;
}

// The slot that the machine's name hashes to, else the next free one.
Result<Address> draw_v4(const Draw& draw, const Subnet& subnet)
{
    const uint64_t size = uint64_t{1} << (32 - subnet.block.length), slots = size - 2;
    auto usable = [&](const Address& address) { return find_use(subnet, address).empty() && !find_holder(draw.others, address); };
    if (draw.before)
        for (const Address& address : draw.before->addresses)
            if (contains(subnet.block, address) && usable(address)) return address;
    const uint64_t start = stable_hash({draw.request.machine}) % slots;
    for (uint64_t i = 0; i < slots; ++i) {
        const Address address = *address_at(subnet.block, 1 + (start + i) % slots);
        if (usable(address)) return address;
    }
    return error(Errc::Busy, "network '{}' ({}) is full: {} of {} addresses are taken", draw.segment.name, describe(subnet.block),
                 slots - 1, slots - 1);
}

// The block and the EUI-64 of the MAC.
Result<Address> draw_v6(const Draw& draw, const Subnet& subnet, const Mac& mac)
{
    Address address = block_of(subnet.block).address;
    const Address link_local = link_local_of(mac);
    std::copy(link_local.bytes.begin() + 8, link_local.bytes.end(), address.bytes.begin() + 8);
    TRY(check_free(draw, address));
    return address;
}

bool is_first_of_family(const Segment& segment, const Subnet& subnet)
{
    auto first =
        std::ranges::find_if(segment.subnets, [&](const Subnet& one) { return one.block.address.family == subnet.block.address.family; });
    return &*first == &subnet;
}

// A lease of this endpoint itself is none of others.
std::vector<Lease> without_own(const LeaseRequest& request, std::span<const Lease> leases)
{
    std::vector<Lease> others;
    std::ranges::copy_if(leases, std::back_inserter(others),
                         [&](const Lease& lease) { return lease.machine != request.machine || lease.interface != request.interface; });
    return others;
}

Result<std::string> parse_machine(std::string_view text)
{
    return TRY(machine::parse_name(text)).text();
}

using machine::field;

constexpr machine::Field<Lease> fields[] = {
    field<&Lease::machine, machine::Text<parse_machine>>("machine"),
    field<&Lease::interface, machine::Text<machine::parse_interface>>("interface"),
    field<&Lease::mac, MacText>("mac"),
    field<&Lease::addresses, machine::List<AddressText, 64>>("addresses"),
};

}  // namespace

Mac derive_mac(std::string_view uuid, std::string_view network, std::string_view interface, unsigned attempt)
{
    const uint64_t hash = stable_hash({uuid, network, interface, attempt == 0 ? "" : fmt::format("{}", attempt)});
    Mac mac{};
    for (size_t i = 0; i < mac.size(); ++i) mac[i] = static_cast<uint8_t>(hash >> 8 * i);
    mac[0] = static_cast<uint8_t>((mac[0] & 0xf0) | 0x02);
    return mac;
}

Result<Lease> plan_lease(const Segment& segment, const LeaseRequest& request, const Lease* before, std::span<const Lease> others)
{
    const std::vector<Lease> all_but_own = without_own(request, others);
    const Draw draw{.segment = segment, .request = request, .before = before, .others = all_but_own};
    Lease lease{.machine = request.machine, .interface = request.interface, .mac = TRY(plan_mac(draw)), .addresses = {}};
    std::vector<Address> wanted;
    for (const std::string& text : request.addresses) {
        if (text.empty()) continue;
        const Address address = TRY(parse_wanted(draw, text));
        if (std::ranges::find(wanted, address) != wanted.end()) return error(Errc::Invalid, "the address {} is asked for twice", text);
        wanted.push_back(address);
    }
    for (const Subnet& subnet : segment.subnets) {
        const size_t had = lease.addresses.size();
        std::ranges::copy_if(wanted, std::back_inserter(lease.addresses), [&](const Address& one) { return contains(subnet.block, one); });
        if (lease.addresses.size() != had || !is_first_of_family(segment, subnet)) continue;
        const bool v4 = subnet.block.address.family == Family::V4;
        lease.addresses.push_back(v4 ? TRY(draw_v4(draw, subnet)) : TRY(draw_v6(draw, subnet, lease.mac)));
    }
    return lease;
}

std::string describe_lease(const Lease& lease)
{
    machine::TomlWriter writer;
    write_fields(lease, fields, writer);
    return writer.text();
}

Result<Lease> parse_lease(std::string_view text, const std::string& path)
{
    machine::TomlValue document = TRY(machine::parse_toml({.file = path, .text = std::string(text)}));
    Lease lease;
    machine::OriginMap origins;
    TRY(read_document(document, lease, fields, origins));
    if (lease.machine.empty() || lease.interface.empty()) return error(Errc::Invalid, "'{}' is no lease of a machine", printable(path));
    return lease;
}

}  // namespace holm::network
