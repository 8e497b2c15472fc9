#include "machine/network_grammar.h"

#include <arpa/inet.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"
#include "machine/identifiers.h"

namespace holm::machine {

namespace {

Error bad(std::string_view text, std::string_view what, std::string_view rule)
{
    return error(Errc::Invalid, "'{}' is no {}: {}", printable(text, 80), what, rule);
}

// The bits of an address, 32 or 128; 0 if it is none.
unsigned address_bits(std::string_view text)
{
    const std::string address(text);
    unsigned char bytes[16];
    if (address.find('\0') != address.npos) return 0;
    if (::inet_pton(AF_INET, address.c_str(), bytes) == 1) return bytes[0] >= 224 && bytes[0] < 240 ? 0 : 32;
    if (::inet_pton(AF_INET6, address.c_str(), bytes) == 1) return bytes[0] == 0xff ? 0 : 128;
    return 0;
}

bool is_prefix(std::string_view text)
{
    size_t slash = std::min(text.find('/'), text.size());
    unsigned bits = address_bits(text.substr(0, slash));
    return bits != 0 && (slash == text.size() || parse_number(text.substr(slash + 1), bits));
}

using Ports = std::pair<uint64_t, uint64_t>;

std::optional<Ports> find_ports(std::string_view text)
{
    size_t dash = text.find('-');
    auto first = parse_number(text.substr(0, dash), 65535);
    auto last = dash == text.npos ? first : parse_number(text.substr(dash + 1), 65535);
    if (!first || !last || *first == 0 || *last < *first) return {};
    return Ports{*first, *last};
}

bool is_rule(std::string_view text)
{
    auto words = split(text, ' ');
    constexpr std::string_view protocols[] = {"tcp", "udp", "icmp", "any"};
    if (words.size() < 2 || (words[0] != "in" && words[0] != "out")) return false;
    if (std::ranges::find(protocols, words[1]) == std::end(protocols)) return false;
    size_t next = 2;
    if (next < words.size() && find_ports(words[next])) {
        if (words[1] != "tcp" && words[1] != "udp") return false;
        ++next;
    }
    if (next == words.size()) return true;
    const std::string_view peer = words[0] == "in" ? "from" : "to";
    return words.size() == next + 2 && words[next] == peer && is_prefix(words[next + 1]);
}

bool is_publication(std::string_view text)
{
    if (size_t slash = text.rfind('/'); slash != text.npos) {
        std::string_view protocol = text.substr(slash + 1);
        if (protocol != "tcp" && protocol != "udp") return false;
        text = text.substr(0, slash);
    }
    if (text.starts_with('[')) {
        size_t close = text.find("]:");
        if (close == text.npos || address_bits(text.substr(1, close - 1)) != 128) return false;
        text.remove_prefix(close + 2);
    }
    auto parts = split(text, ':');
    if (parts.size() == 3) {
        if (address_bits(parts[0]) != 32) return false;
        parts.erase(parts.begin());
    }
    if (parts.size() != 2) return false;
    auto outside = find_ports(parts[0]), inside = find_ports(parts[1]);
    return outside && inside && outside->second - outside->first == inside->second - inside->first;
}

bool is_dns_label(std::string_view label)
{
    auto clean = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'; };
    return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' && std::ranges::all_of(label, clean);
}

}  // namespace

Result<std::string> parse_network(std::string_view text)
{
    for (std::string_view kind : {"bridge:", "macvlan:", "ipvlan:", "physical:"})
        if (text.starts_with(kind)) return fmt::format("{}{}", kind, TRY(parse_interface(text.substr(kind.size()))));
    if (text.find(':') != text.npos || !parse_file_name(text))
        return bad(text, "network",
                   "none, host, veth, bridge:INTERFACE, macvlan:INTERFACE, ipvlan:INTERFACE, physical:INTERFACE or the name of a "
                   "definition");
    return std::string(text);
}

Result<std::string> parse_address(std::string_view text)
{
    if (!is_prefix(text)) return bad(text, "address", "IPv4 or IPv6 of one host, and '/' with a length if wanted");
    return std::string(text);
}

Result<std::string> parse_domain(std::string_view text)
{
    if (text.size() > 253 || !std::ranges::all_of(split(text, '.'), is_dns_label))
        return bad(text, "domain", "labels of letters, digits and inner '-' with '.' between, each at most 63 bytes, together at most 253");
    return std::string(text);
}

Result<std::string> parse_alias(std::string_view text)
{
    if (!is_dns_label(text)) return bad(text, "alias", "one label of a name: letters, digits and inner '-', at most 63 bytes");
    return std::string(text);
}

Result<std::string> parse_mac(std::string_view text)
{
    std::string mac(text);
    std::ranges::transform(mac, mac.begin(), [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c; });
    constexpr std::string_view digits = "0123456789abcdef";
    bool good = mac.size() == 17 && mac != "00:00:00:00:00:00";
    for (size_t i = 0; good && i < mac.size(); ++i) good = i % 3 == 2 ? mac[i] == ':' : digits.find(mac[i]) != digits.npos;
    if (!good || digits.find(mac[1]) % 2 == 1) return bad(text, "MAC address", "six hex pairs with ':' between, not of a group");
    return mac;
}

Result<std::string> parse_rate(std::string_view text)
{
    bool unit = !text.empty() && std::string_view("KMGT").find(text.back()) != std::string_view::npos;
    auto number = parse_number(unit ? text.substr(0, text.size() - 1) : text, 1'000'000'000'000);
    if (!number || *number == 0) return bad(text, "rate", "digits, and K, M, G or T (of 1000) behind them, in bits per second");
    return std::string(text);
}

Result<std::string> parse_rule(std::string_view text)
{
    if (!is_rule(text)) return bad(text, "rule", "in|out tcp|udp|icmp|any [PORT[-PORT]] [from|to ADDRESS[/LENGTH]]");
    return std::string(text);
}

Result<std::string> parse_publication(std::string_view text)
{
    if (!is_publication(text)) return bad(text, "published port", "[ADDRESS:]PORT[-PORT]:PORT[-PORT][/tcp|/udp], ranges of equal length");
    return std::string(text);
}

}  // namespace holm::machine
