#include "machine/resource_access.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"
#include "machine/grammar.h"
#include "machine/identifiers.h"

namespace holm::machine {

namespace {

using Bytes = UnitProperty::Bytes;
using Prefix = UnitProperty::Prefix;

Error bad(std::string_view value, std::string_view rule)
{
    return error(Errc::Invalid, "'{}' must be {}", printable(value, 80), rule);
}

std::vector<std::string_view> words_of(std::string_view text)
{
    std::vector<std::string_view> words;
    for (std::string_view word : split(text, ' '))
        if (!word.empty()) words.push_back(word);
    return words;
}

// What systemd's words for addresses stand for (systemd.resource-control(5)).
struct NamedPrefix {
    std::string_view word;
    std::array<std::string_view, 2> prefixes;
};
constexpr NamedPrefix named_prefixes[] = {
    {"any", {"0.0.0.0/0", "::/0"}},
    {"localhost", {"127.0.0.0/8", "::1/128"}},
    {"link-local", {"169.254.0.0/16", "fe80::/64"}},
    {"multicast", {"224.0.0.0/4", "ff00::/8"}},
};

struct Word {
    std::string_view text;
    int32_t number;
};
constexpr Word families[] = {{"ipv4", AF_INET}, {"ipv6", AF_INET6}};
constexpr Word protocols[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}};

template <size_t count>
int32_t number_of(const Word (&words)[count], std::string_view text)
{
    auto known = std::ranges::find(words, text, &Word::text);
    return known == std::end(words) ? 0 : known->number;
}

template <size_t count>
std::string_view word_of(const Word (&words)[count], int32_t number)
{
    auto known = std::ranges::find(words, number, &Word::number);
    return known == std::end(words) ? "" : known->text;
}

}  // namespace

Result<Prefix> parse_prefix(std::string_view text)
{
    constexpr std::string_view rule = "an address such as '10.0.0.0/8' or 'fd00::/8', or any, localhost, link-local or multicast";
    const size_t slash = std::min(text.find('/'), text.size());
    const std::string address(text.substr(0, slash));
    std::array<uint8_t, sizeof(in6_addr)> bytes;
    const int32_t family = address.contains(':') ? AF_INET6 : AF_INET;
    if (::inet_pton(family, address.c_str(), bytes.data()) != 1) return bad(text, rule);
    const size_t size = family == AF_INET6 ? sizeof(in6_addr) : sizeof(in_addr);
    const auto length = slash == text.size() ? size * 8 : parse_number(text.substr(slash + 1), size * 8);
    if (!length) return bad(text, rule);
    return Prefix(family, Bytes(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size)), static_cast<uint32_t>(*length));
}

std::string describe_prefix(const Prefix& prefix)
{
    const auto& [family, bytes, length] = prefix;
    std::array<char, INET6_ADDRSTRLEN> text{};
    const size_t size = family == AF_INET6 ? sizeof(in6_addr) : sizeof(in_addr);
    if (bytes.size() != size || !::inet_ntop(family, bytes.data(), text.data(), text.size())) return "";
    return fmt::format("{}/{}", text.data(), length);
}

Result<UnitProperty::Prefixes> parse_prefixes(std::string_view text)
{
    UnitProperty::Prefixes prefixes;
    for (std::string_view word : words_of(text)) {
        auto named = std::ranges::find(named_prefixes, word, &NamedPrefix::word);
        if (named == std::end(named_prefixes)) prefixes.push_back(TRY(parse_prefix(word)));
        else
            for (std::string_view prefix : named->prefixes) prefixes.push_back(TRY(parse_prefix(prefix)));
    }
    return prefixes;
}

Result<UnitProperty::Port> parse_bind_port(std::string_view text)
{
    constexpr std::string_view rule = "'any' or [ipv4:|ipv6:][tcp:|udp:]PORT[-PORT], of ports 1 to 65535";
    if (text == "any") return UnitProperty::Port(AF_UNSPEC, 0, uint16_t{0}, uint16_t{0});
    std::vector<std::string_view> parts = split(text, ':');
    size_t at = 0;
    const int32_t family = number_of(families, parts[at]);
    if (family) ++at;
    const int32_t protocol = at < parts.size() ? number_of(protocols, parts[at]) : 0;
    if (protocol) ++at;
    if (at == parts.size()) return UnitProperty::Port(family, protocol, uint16_t{0}, uint16_t{0});
    if (at + 1 != parts.size()) return bad(text, rule);
    const std::string_view ports = parts[at];
    const size_t dash = ports.find('-');
    const auto first = parse_number(ports.substr(0, dash), UINT16_MAX);
    const auto last = dash == ports.npos ? first : parse_number(ports.substr(dash + 1), UINT16_MAX);
    if (!first || !last || *first == 0 || *last < *first) return bad(text, rule);
    return UnitProperty::Port(family, protocol, static_cast<uint16_t>(*last - *first + 1), static_cast<uint16_t>(*first));
}

std::string describe_bind_port(const UnitProperty::Port& port)
{
    const auto [family, protocol, count, first] = port;
    std::vector<std::string> parts;
    if (family) parts.emplace_back(word_of(families, family));
    if (protocol) parts.emplace_back(word_of(protocols, protocol));
    if (count == 1) parts.push_back(fmt::format("{}", first));
    else if (count > 1) parts.push_back(fmt::format("{}-{}", first, first + count - 1));
    return parts.empty() ? "any" : fmt::format("{}", fmt::join(parts, ":"));
}

Result<UnitProperty::Interfaces> parse_interfaces(std::string_view text)
{
    UnitProperty::Interfaces interfaces(!text.empty() && !text.starts_with('~'), {});
    for (std::string_view word : words_of(text.starts_with('~') ? text.substr(1) : text))
        interfaces.second.push_back(TRY(parse_interface(word)));
    return interfaces;
}

std::string describe_interfaces(const UnitProperty::Interfaces& interfaces)
{
    if (interfaces.second.empty()) return "";
    return fmt::format("{}{}", interfaces.first ? "" : "~", fmt::join(interfaces.second, " "));
}

Result<UnitProperty::Pairs> parse_device_access(std::string_view text)
{
    const std::vector<std::string_view> words = words_of(text);
    const bool named = !words.empty() && (words[0].starts_with("/dev/") || words[0].starts_with("char-") || words[0].starts_with("block-"));
    const std::string_view letters = words.size() == 2 ? words[1] : "rwm";
    if (!named || words.size() > 2 || letters.find_first_not_of("rwm") != letters.npos)
        return bad(text, "a path below /dev, 'char-NAME' or 'block-NAME', and letters of 'rwm' behind it");
    return UnitProperty::Pairs{{std::string(words[0]), std::string(letters)}};
}

Result<UnitProperty::Pairs> parse_program(std::string_view text)
{
    constexpr std::string_view kinds[] = {"ingress",  "egress",   "sock_create", "sock_ops",   "device",     "bind4",
                                          "bind6",    "connect4", "connect6",    "post_bind4", "post_bind6", "sendmsg4",
                                          "sendmsg6", "sysctl",   "recvmsg4",    "recvmsg6",   "getsockopt", "setsockopt"};
    const size_t colon = std::min(text.find(':'), text.size());
    if (std::ranges::find(kinds, text.substr(0, colon)) == std::end(kinds) || colon == text.size())
        return bad(text, "TYPE:PATH with a type of bpf_attach_type such as 'egress', and the path of a pinned program");
    return UnitProperty::Pairs{{std::string(text.substr(0, colon)), TRY(parse_path(text.substr(colon + 1)))}};
}

}  // namespace holm::machine
