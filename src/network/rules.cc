#include "network/rules.h"

#include "base/text.h"
#include "network/address.h"

namespace holm::network {

namespace {

// "10.0.0.0/8", "10.0.0.1" as nft wants it: a block without bits behind its length.
std::string describe_peer(std::string_view text)
{
    if (auto cidr = parse_cidr(text)) return describe(block_of(*cidr));
    return std::string(text);
}

// The rest of a rule's words behind "in" or "out", as a match of nft; "" for any.
std::string describe_match(const std::vector<std::string_view>& words, Direction direction)
{
    std::string match;
    size_t next = 2;
    if (words[1] == "icmp") match = "meta l4proto { 1, 58 } ";  // by number: a host without /etc/protocols knows no names
    else if (words[1] != "any") match = fmt::format("meta l4proto {} ", words[1] == "tcp" ? 6 : 17);
    if (next < words.size() && words[next] != "from" && words[next] != "to") match = fmt::format("{} dport {} ", words[1], words[next++]);
    if (next + 1 < words.size()) {
        const std::string peer = describe_peer(words[next + 1]);
        match += fmt::format("{} {} {} ", peer.contains(':') ? "ip6" : "ip", direction == Direction::In ? "saddr" : "daddr", peer);
    }
    return match;
}

std::vector<std::string> matches_of(const std::vector<std::string>& rules, Direction direction)
{
    std::vector<std::string> matches;
    for (const std::string& rule : rules) {
        auto words = split(rule, ' ');
        if (words.size() >= 2 && words[0] == (direction == Direction::In ? "in" : "out"))
            matches.push_back(describe_match(words, direction));
    }
    return matches;
}

// Without neighbour discovery and MLD nobody would be found.
constexpr std::string_view discovery = "icmpv6 type { 130-137, 143 } return";

void append_answers(Table table, std::vector<std::string>& rules)
{
    switch (table) {
    case Table::Inet: rules.insert(rules.end(), {"ct state established,related return", std::string(discovery)}); break;
    case Table::Bridge:
        rules.insert(rules.end(), {"ether type arp return", std::string(discovery), "tcp flags & (syn | ack) != syn return",
                                   "icmp type { echo-reply, destination-unreachable, time-exceeded, parameter-problem } return",
                                   "icmpv6 type { 1-4, echo-reply } return"});
        break;
    }
}

}  // namespace

std::vector<std::string> describe_rules(const Endpoint& endpoint, Direction direction, Table table)
{
    const std::vector<std::string> denied = matches_of(endpoint.deny, direction), allowed = matches_of(endpoint.allow, direction);
    if (denied.empty() && allowed.empty()) return {};
    std::vector<std::string> rules;
    append_answers(table, rules);
    for (const std::string& match : denied) rules.push_back(match + "counter name denied drop");
    for (const std::string& match : allowed) rules.push_back(match + "return");
    if (!allowed.empty() && table == Table::Bridge) rules.emplace_back("udp dport 32768-60999 return");
    if (!allowed.empty()) rules.emplace_back("counter name denied drop");
    return rules;
}

}  // namespace holm::network
