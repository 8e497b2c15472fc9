// Announcements: what one host of a VXLAN tells the others of the names of its machines, in frames of the network itself. Values ⇄ bytes;
// pure. What comes in is another host's: bounded and checked.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "network/segment.h"

namespace holm::network {

// IEEE 802's number for local experiments: no host routes it, and no port of a machine lets it in (network/ruleset).
inline constexpr uint16_t announcement_type = 0x88b5;

// A part of what a host says. `names` is of lines as hosts(5) has them, and of network/station.
struct Announcement {
    Address host;         // its local address: who says it
    uint64_t serial = 0;  // of the whole, which is more than one frame where it has to be
    uint16_t part = 0, parts = 1;
    bool asks = false;  // the others are to say theirs
    std::string names;
    bool operator==(const Announcement&) const = default;
};

inline constexpr uint16_t most_parts = 256;
inline constexpr size_t most_hosts = 256;
inline constexpr size_t most_names = 1 << 20;  // bytes that one host says

// `names` in as many frames as it takes, each of at most `most_bytes`; what is beyond most_parts is left out. At least one.
std::vector<std::string> describe_announcements(const Announcement& whole, size_t most_bytes);
// A frame. Lines of it whose address is not of the segment, or whose names are none, are left out. Errors: Invalid.
Result<Announcement> parse_announcement(std::string_view frame, const Segment& segment);

// What was heard of one network, by host.
class Heard {
public:
    // Takes one part in. The names of its host, if they are whole now and other than before; none where there is nothing to do.
    std::optional<std::string> take(Announcement part, uint64_t now);
    // One that was heard before this process, with the names that were written down: if it says nothing it is forgotten.
    void expect(const Address& host, uint64_t now, std::optional<std::string> names = {});
    // Hosts that were silent since: they are forgotten.
    std::vector<Address> forget_silent(uint64_t since);
    bool knows(const Address& host) const { return hosts_.contains(host); }
    // What each that is not forgotten has said last, where it has said a whole.
    std::map<Address, std::string> names() const;

private:
    struct Host {
        uint64_t serial = 0, heard = 0;
        std::map<uint16_t, std::string> parts;
        size_t bytes = 0;  // of the parts
        std::optional<std::string> names;
    };
    std::map<Address, Host> hosts_;
};

}  // namespace holm::network
