// IdRange: the user and group ids of the host that a machine's ids 0.. stand for. Pure.
#pragma once

#include <cstdint>

namespace holm::machine {

inline constexpr uint32_t range_size = 65536;  // of an automatic range: what a Debian system uses, systemd's UIDS-GIDS.md

// How a machine's ids map: a private range, the same numbers in a user namespace (identity), or no user namespace at all.
enum class IdMapping { Range, Identity, Host };

struct IdRange {
    IdMapping mapping = IdMapping::Range;
    uint32_t base = 0;            // host id of the machine's root; 0 for Identity and Host
    uint32_t count = range_size;  // ids that exist inside
    bool operator==(const IdRange&) const = default;
    bool has_namespace() const { return mapping != IdMapping::Host; }
    bool shifts() const { return mapping == IdMapping::Range && base != 0; }
};

}  // namespace holm::machine
