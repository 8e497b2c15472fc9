// NftSets: entries of nftables' sets and maps, changed by netlink alone. Effects.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/error.h"

namespace holm::kernel {

// As the kernel keeps it: keys and values in network order, each part of a joined one padded to 4 bytes.
struct SetChange {
    uint8_t family = 0;  // NFPROTO_*
    std::string table, set;
    std::string first, last;  // the same but for a block or a range
    std::string value;        // of a map
    bool joined = false;      // the key has several parts
    bool removes = false;
};

// What one batch has room for.
inline constexpr size_t most_set_changes = 500;

// One transaction: all of it or nothing. An entry that is there already is no error, one with another value is.
Result<> change_sets(std::span<const SetChange> changes);

}  // namespace holm::kernel
