// The choice of a machine's range of user ids. Pure; who holds what is observed by the planner.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "machine/id_range.h"

namespace holm::launch {

// From where ranges are drawn. Default: systemd's container ranges 524288 … 1879048191 (UIDS-GIDS.md), which nspawn uses too.
struct RangePool {
    uint32_t base = 524288;
    uint32_t count = 1878523904;
    bool operator==(const RangePool&) const = default;
};

struct TakenRange {
    uint64_t base = 0, count = 0;
    std::string holder;  // "machine 'db'", "/etc/subuid, line 3"
    bool operator==(const TakenRange&) const = default;
};

// The first of `taken` that shares an id with [base, base + count).
const TakenRange* find_overlap(uint64_t base, uint64_t count, std::span<const TakenRange> taken);

// A range of 65536 ids, aligned to 65536, that overlaps nothing taken and that `is_free` accepts: the slot that the name's hash
// gives, so that a machine made anew finds its old ids, else the next ones. Errors: Busy, when the pool is used up.
Result<machine::IdRange> pick_range(std::string_view name, RangePool pool, std::span<const TakenRange> taken,
                                    const std::function<bool(uint32_t base)>& is_free);

// A range that the user named. Errors: Invalid (0, past 2^32 - 2, uid_t's invalid values inside), Busy (overlap: names the holder).
Result<machine::IdRange> check_range(uint32_t base, uint32_t count, std::span<const TakenRange> taken);

// The lines of /etc/subuid or /etc/subgid (subuid(5)) as taken ranges; what cannot be parsed is skipped, as the tools of shadow do.
std::vector<TakenRange> parse_subordinate_ids(std::string_view text, std::string_view file);

// The ids of the lines of /etc/passwd or /etc/group (passwd(5), group(5)), likewise.
std::vector<TakenRange> parse_own_ids(std::string_view text, std::string_view file);

}  // namespace holm::launch
