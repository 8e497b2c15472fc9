#include "network/address.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/text.h"

namespace holm::network {

namespace {

unsigned bits_of(Family family)
{
    return family == Family::V4 ? 32 : 128;
}

// Bit 0 is the first of the first byte.
void set_bits_from(Address& address, unsigned first, bool value)
{
    for (unsigned bit = first; bit < bits_of(address.family); ++bit) {
        const auto mask = static_cast<uint8_t>(0x80 >> bit % 8);
        uint8_t& byte = address.bytes[bit / 8];
        byte = static_cast<uint8_t>(value ? byte | mask : byte & ~mask);
    }
}

}  // namespace

Result<Address> parse_ip(std::string_view text)
{
    const std::string copy(text);
    Address address;
    if (copy.find('\0') == copy.npos) {
        if (::inet_pton(AF_INET, copy.c_str(), address.bytes.data()) == 1) return address;
        address = {.family = Family::V6};
        if (::inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) == 1) return address;
    }
    return error(Errc::Invalid, "'{}' is no address of IPv4 or IPv6", printable(text, 80));
}

Result<Cidr> parse_cidr(std::string_view text)
{
    const size_t slash = text.find('/');
    auto address = parse_ip(text.substr(0, slash));
    auto length = address && slash != text.npos ? parse_number(text.substr(slash + 1), bits_of(address->family)) : std::nullopt;
    if (!length) return error(Errc::Invalid, "'{}' is no block of addresses: IPv4 or IPv6, and '/' with its length", printable(text, 80));
    return Cidr{*address, static_cast<uint8_t>(*length)};
}

Result<Mac> parse_mac_bytes(std::string_view text)
{
    auto digit = [](char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    };
    Mac mac{};
    bool good = text.size() == 17;
    for (size_t i = 0; good && i < mac.size(); ++i) {
        const int high = digit(text[3 * i]), low = digit(text[3 * i + 1]);
        good = high >= 0 && low >= 0 && (i + 1 == mac.size() || text[3 * i + 2] == ':');
        if (good) mac[i] = static_cast<uint8_t>(high << 4 | low);
    }
    if (!good) return error(Errc::Invalid, "'{}' is no MAC address: six hex pairs with ':' between", printable(text, 80));
    return mac;
}

std::string describe(const Address& address)
{
    char text[INET6_ADDRSTRLEN] = "";
    ::inet_ntop(address.family == Family::V4 ? AF_INET : AF_INET6, address.bytes.data(), text, sizeof text);
    return text;
}

std::string describe(const Cidr& cidr)
{
    return fmt::format("{}/{}", describe(cidr.address), cidr.length);
}

std::string describe(const Mac& mac)
{
    return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

Cidr block_of(const Cidr& cidr)
{
    Cidr block = cidr;
    set_bits_from(block.address, cidr.length, false);
    return block;
}

Address last_of(const Cidr& cidr)
{
    Address last = cidr.address;
    set_bits_from(last, cidr.length, true);
    return last;
}

std::optional<Address> address_at(const Cidr& block, uint64_t n)
{
    Address address = block_of(block).address;
    const unsigned bits = bits_of(address.family), free = bits - block.length;
    if (free < 64 && n >> free != 0) return {};
    for (size_t i = bits / 8; i > 0 && n != 0; --i, n >>= 8) address.bytes[i - 1] |= static_cast<uint8_t>(n);
    return address;
}

bool contains(const Cidr& block, const Address& address)
{
    return block.address.family == address.family && block_of({address, block.length}).address == block_of(block).address;
}

bool overlap(const Cidr& left, const Cidr& right)
{
    return left.length <= right.length ? contains(left, right.address) : contains(right, left.address);
}

Address link_local_of(const Mac& mac)
{
    return {Family::V6,
            {0xfe, 0x80, 0, 0, 0, 0, 0, 0, static_cast<uint8_t>(mac[0] ^ 2), mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]}};
}

}  // namespace holm::network
