#include "network/peers.h"

#include <algorithm>

#include "base/text.h"
#include "network/codecs.h"

namespace holm::network {

namespace {

Result<std::string> parse_sentence(std::string_view text)
{
    return std::string(text);
}

std::string describe_sentence(const std::string& text)
{
    return text;
}

constexpr machine::Field<Peers> fields[] = {
    machine::field<&Peers::addresses, machine::List<AddressText, most_peers>>("addresses"),
    machine::field<&Peers::problem, machine::Text<parse_sentence, describe_sentence>>("problem"),
};

}  // namespace

Result<Address> parse_peer(std::string_view text)
{
    static constexpr std::string_view others[] = {"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3",
                                                  "::/16",     "fe80::/10",   "ff00::/8"};
    const Address address = TRY(parse_ip(text));
    for (std::string_view other : others)
        if (contains(*parse_cidr(other), address))
            return error(Errc::Invalid, "'{}' is no address of one host: {} is for other uses", describe(address), other);
    return address;
}

Result<std::vector<Address>> parse_peers(std::string_view text, const std::string& path, const Address& local)
{
    std::vector<Address> peers;
    size_t number = 0;
    for (std::string_view line : split(text, '\n')) {
        ++number;
        const std::string_view word = trim(line.substr(0, line.find('#')));
        if (word.empty()) continue;
        const std::string position = fmt::format("{}:{}", printable(path), number);
        const Address peer = TRY(parse_peer(word), position);
        if (peer.family != local.family)
            return error(Errc::Invalid, "{}: '{}' is not of the family of the local address {}", position, describe(peer), describe(local));
        if (peer != local) peers.push_back(peer);
        if (peers.size() > most_peers) return error(Errc::Invalid, "{}: more than {} peers", position, most_peers);
    }
    std::ranges::sort(peers);
    const auto twice = std::ranges::unique(peers);
    peers.erase(twice.begin(), twice.end());
    return peers;
}

std::string describe_peers(const Peers& peers)
{
    machine::TomlWriter writer;
    write_fields(peers, fields, writer);
    return writer.text();
}

Result<Peers> read_peers(std::string_view text, const std::string& path)
{
    machine::TomlValue document = TRY(machine::parse_toml({.file = path, .text = std::string(text)}));
    Peers peers;
    machine::OriginMap origins;
    TRY(read_document(document, peers, fields, origins));
    return peers;
}

}  // namespace holm::network
