#include "network/station.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "machine/network_grammar.h"

namespace holm::network {

namespace {

std::vector<Station> read_lines(const Address& host, std::string_view lines)
{
    std::vector<Station> stations;
    for (std::string_view line : split(lines, '\n')) {
        if (!line.starts_with('#')) continue;
        auto station = parse_station_line(line);
        if (!station) continue;
        station->host = host;
        stations.push_back(std::move(*station));
    }
    return stations;
}

// By which hosts each is claimed.
template <typename Key>
using Claims = std::map<Key, std::set<Address>>;

}  // namespace

std::string describe_station(const Address& address, const Mac& mac)
{
    return fmt::format("# {} {}", describe(address), describe(mac));
}

Result<Station> parse_station_line(std::string_view line)
{
    const auto words = split(line, ' ');
    if (words.size() != 3 || words[0] != "#") return error(Errc::Invalid, "'{}' says nothing of a machine", printable(line, 80));
    const Address address = TRY(parse_ip(words[1]));
    const std::string mac = TRY(machine::parse_mac(words[2]));
    return Station{.host = {}, .address = address, .mac = TRY(parse_mac_bytes(mac))};
}

std::vector<Station> find_stations(std::string_view own, const std::map<Address, std::string>& others)
{
    std::vector<Station> all = read_lines({}, own);
    const size_t first_other = all.size();
    for (const auto& [host, lines] : others) {
        const auto stations = read_lines(host, lines);
        all.insert(all.end(), stations.begin(), stations.end());
    }
    Claims<Address> addresses;
    Claims<Mac> macs;
    for (const Station& station : all) {
        addresses[station.address].insert(station.host);
        macs[station.mac].insert(station.host);
    }
    all.erase(all.begin(), all.begin() + static_cast<ptrdiff_t>(first_other));
    std::erase_if(all, [&](const Station& station) { return addresses[station.address].size() > 1 || macs[station.mac].size() > 1; });
    return all;
}

}  // namespace holm::network
