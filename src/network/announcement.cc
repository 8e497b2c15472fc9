#include "network/announcement.h"

#include <algorithm>

#include "base/text.h"
#include "machine/network_grammar.h"
#include "network/station.h"

namespace holm::network {

namespace {

constexpr std::string_view magic = "holm-names 1";

std::string describe_head(const Announcement& part)
{
    return fmt::format("{} {} {} {} {} {}\n", magic, describe(part.host), part.serial, part.part, part.parts, part.asks ? "ask" : "-");
}

bool is_in(const Segment& segment, const Address& address)
{
    return std::ranges::any_of(segment.subnets, [&](const Subnet& subnet) { return contains(subnet.block, address); });
}

// A host of a network names what is on it, and nothing of the world beyond: an alias that is no name of the network is its own affair.
bool is_of(const Segment& segment, std::string_view word)
{
    if (!word.contains('.')) return true;
    if (word.size() <= segment.domain.size() + 1 || !word.ends_with(segment.domain)) return false;
    return word[word.size() - segment.domain.size() - 1] == '.';
}

// Of the network's machines: each host has a gateway of its own.
std::string check_station(std::string_view line, const Segment& segment)
{
    const auto station = parse_station_line(line);
    if (!station || !is_in(segment, station->address)) return "";
    const bool is_gateway = std::ranges::any_of(segment.subnets, [&](const Subnet& subnet) { return subnet.gateway == station->address; });
    return is_gateway ? "" : describe_station(station->address, station->mac) + "\n";
}

// A line as it may stand in a file that dnsmasq reads; "": not at all.
std::string check_line(std::string_view line, const Segment& segment)
{
    if (line.starts_with('#')) return check_station(line, segment);
    std::string checked;
    for (std::string_view word : split(line, ' ')) {
        if (checked.empty()) {
            const auto address = parse_ip(word);
            if (!address || !is_in(segment, *address)) return "";
            checked = describe(*address);
        } else if (!machine::parse_domain(word)) return "";
        else if (is_of(segment, word)) checked += fmt::format(" {}", word);
    }
    return checked.contains(' ') ? checked + "\n" : "";
}

}  // namespace

std::vector<std::string> describe_announcements(const Announcement& whole, size_t most_bytes)
{
    constexpr size_t most_head = 128;
    std::vector<std::string> texts(1);
    for (std::string_view line : split(whole.names, '\n')) {
        if (line.empty() || line.size() + 1 + most_head > most_bytes) continue;
        if (texts.back().size() + line.size() + 1 + most_head > most_bytes) {
            if (texts.size() == most_parts) break;
            texts.emplace_back();
        }
        texts.back() += fmt::format("{}\n", line);
    }
    Announcement part = whole;
    part.parts = static_cast<uint16_t>(texts.size());
    for (uint16_t i = 0; i < part.parts; ++i) {
        part.part = i;
        texts[i] = describe_head(part) + texts[i];
    }
    return texts;
}

Result<Announcement> parse_announcement(std::string_view frame, const Segment& segment)
{
    const Error refused = error(Errc::Invalid, "it is no announcement of names");
    const size_t end = frame.find('\n');
    const auto words = split(frame.substr(0, end), ' ');
    if (end == frame.npos || words.size() != 7 || fmt::format("{} {}", words[0], words[1]) != magic) return refused;
    const auto part = parse_number(words[4]), parts = parse_number(words[5]);
    const auto serial = parse_number(words[3]);
    if (!serial || !part || !parts || *parts == 0 || *parts > most_parts || *part >= *parts) return refused;
    Announcement announcement{.host = TRY(parse_ip(words[2])),
                              .serial = *serial,
                              .part = static_cast<uint16_t>(*part),
                              .parts = static_cast<uint16_t>(*parts),
                              .asks = words[6] == "ask"};
    for (std::string_view line : split(frame.substr(end + 1), '\n')) announcement.names += check_line(line, segment);
    return announcement;
}

std::optional<std::string> Heard::take(Announcement part, uint64_t now)
{
    if (!hosts_.contains(part.host) && hosts_.size() == most_hosts) return {};
    Host& host = hosts_[part.host];
    if (host.serial != part.serial) host.parts.clear(), host.bytes = 0;
    host.serial = part.serial, host.heard = now;
    host.bytes += part.names.size();
    if (host.bytes > most_names) {
        host.parts.clear();
        host.bytes = 0;
        return {};
    }
    host.parts[part.part] = std::move(part.names);
    if (host.parts.size() != part.parts) return {};
    std::string names;
    for (auto& [number, text] : host.parts) names += text;
    host.parts.clear();
    host.bytes = 0;
    if (host.names == names) return {};
    host.names = names;
    return names;
}

void Heard::expect(const Address& host, uint64_t now, std::optional<std::string> names)
{
    hosts_[host].heard = now;
    hosts_[host].names = std::move(names);
}

std::map<Address, std::string> Heard::names() const
{
    std::map<Address, std::string> all;
    for (const auto& [address, host] : hosts_)
        if (host.names) all[address] = *host.names;
    return all;
}

std::vector<Address> Heard::forget_silent(uint64_t since)
{
    std::vector<Address> silent;
    for (auto& [address, host] : hosts_)
        if (host.heard < since) silent.push_back(address);
    for (const Address& address : silent) hosts_.erase(address);
    return silent;
}

}  // namespace holm::network
