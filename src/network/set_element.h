// SetElement: an entry of a set or map of holm's tables, both as text for nft(8) and as the kernel keeps it. A value; pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "network/address.h"
#include "network/rules.h"

namespace holm::network {

// One of what a key or value is joined of; `first` and `last` in network order, the same but for a block or a range.
struct ElementPart {
    std::string text, first, last;
    bool operator==(const ElementPart&) const = default;
};

ElementPart interface_part(std::string_view name);
ElementPart address_part(const Address& address);
ElementPart block_part(const Cidr& block);
ElementPart mac_part(const Mac& mac);
ElementPart protocol_part(uint8_t number);
ElementPart port_part(uint16_t first, uint16_t last);
// 128 bits of a packet as a number: sets of nft have no type for the target of a neighbour advertisement.
ElementPart number_part(const Address& address);

struct SetElement {
    Table table = Table::Inet;
    std::string set;
    std::vector<ElementPart> key, value;  // no value: an entry of a set
    bool operator==(const SetElement&) const = default;
};

struct ElementChange {
    SetElement element;
    bool removes = false;
    bool operator==(const ElementChange&) const = default;
};

std::string describe_table(Table table);                      // "inet holm"
std::string describe_entry(const SetElement& element);        // "tcp . 80 : 10.0.0.2 . 80"
std::string first_of(const std::vector<ElementPart>& parts);  // each padded to words where there are several
std::string last_of(const std::vector<ElementPart>& parts);

}  // namespace holm::network
