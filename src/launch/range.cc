#include "launch/range.h"

#include "base/text.h"

namespace holm::launch {

namespace {

using machine::range_size;

// FNV-1a: the same slot for the same name on every host and in every version of holm.
uint64_t hash(std::string_view text)
{
    uint64_t value = 0xcbf29ce484222325;
    for (unsigned char byte : text) value = (value ^ byte) * 0x100000001b3;
    return value;
}

}  // namespace

const TakenRange* find_overlap(uint64_t base, uint64_t count, std::span<const TakenRange> taken)
{
    for (const TakenRange& range : taken)
        if (base < range.base + range.count && range.base < base + count) return &range;
    return nullptr;
}

Result<machine::IdRange> pick_range(std::string_view name, RangePool pool, std::span<const TakenRange> taken,
                                    const std::function<bool(uint32_t base)>& is_free)
{
    uint64_t first = (pool.base + uint64_t{range_size} - 1) / range_size, end = (uint64_t{pool.base} + pool.count) / range_size;
    uint64_t slots = end > first ? end - first : 0;
    for (uint64_t i = 0, start = slots ? hash(name) % slots : 0; i < slots; ++i) {
        uint64_t base = (first + (start + i) % slots) * range_size;
        if (!find_overlap(base, range_size, taken) && is_free(static_cast<uint32_t>(base)))
            return machine::IdRange{machine::IdMapping::Range, static_cast<uint32_t>(base), range_size};
    }
    return error(Errc::Busy, "no range of {} user ids is free between {} and {}: enlarge [users] of holm.toml", range_size, pool.base,
                 uint64_t{pool.base} + pool.count - (pool.count ? 1 : 0));
}

Result<machine::IdRange> check_range(uint32_t base, uint32_t count, std::span<const TakenRange> taken)
{
    constexpr uint64_t ids = UINT32_MAX;  // 2^32 - 1 is (uid_t)-1, no id
    constexpr uint64_t no_id_16 = 65535;  // (uint16_t)-1: systemd takes it for none, and nobody is 65534
    std::string range = fmt::format("{}:{}", base, count);
    if (count == 0 || base == 0) return error(Errc::Invalid, "the id range {} must begin above 0 and have at least one id", range);
    if (uint64_t{base} + count > ids) return error(Errc::Invalid, "the id range {} goes past 4294967294, the last user id", range);
    if (base <= no_id_16) return error(Errc::Invalid, "the id range {} overlaps the host's own users (0 to {})", range, no_id_16);
    if (const TakenRange* other = find_overlap(base, count, taken))
        return error(Errc::Busy, "the id range {} overlaps {}:{} of {}", range, other->base, other->count, other->holder);
    return machine::IdRange{machine::IdMapping::Range, base, count};
}

std::vector<TakenRange> parse_subordinate_ids(std::string_view text, std::string_view file)
{
    std::vector<TakenRange> ranges;
    for (std::string_view line : split(text, '\n')) {
        std::vector<std::string_view> fields = split(trim(line), ':');
        if (fields.size() != 3 || fields[0].starts_with('#')) continue;
        std::optional<uint64_t> base = parse_number(fields[1], UINT32_MAX), count = parse_number(fields[2], UINT32_MAX);
        if (base && count && *count) ranges.push_back({*base, *count, fmt::format("{} ({})", file, printable(fields[0], 32))});
    }
    return ranges;
}

std::vector<TakenRange> parse_own_ids(std::string_view text, std::string_view file)
{
    std::vector<TakenRange> ids;
    for (std::string_view line : split(text, '\n')) {
        std::vector<std::string_view> fields = split(trim(line), ':');
        if (fields.size() < 4 || fields[0].starts_with('#')) continue;
        if (auto id = parse_number(fields[2], UINT32_MAX)) ids.push_back({*id, 1, fmt::format("{} ({})", file, printable(fields[0], 32))});
    }
    return ids;
}

}  // namespace holm::launch
