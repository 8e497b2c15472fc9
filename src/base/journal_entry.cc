#include "base/journal_entry.h"

#include <algorithm>
#include <cstdint>

namespace holm {

namespace {

bool is_plain(std::string_view value)
{
    return std::all_of(value.begin(), value.end(), [](char byte) { return static_cast<unsigned char>(byte) >= 0x20 || byte == '\t'; });
}

}  // namespace

std::string encode_entry(const std::vector<JournalField>& fields)
{
    std::string entry;
    for (auto [key, value] : fields) {
        entry += key;
        if (is_plain(value)) entry += '=';
        else {
            entry += '\n';
            for (int shift = 0; shift < 64; shift += 8) entry += static_cast<char>(static_cast<uint64_t>(value.size()) >> shift & 0xff);
        }
        entry += value;
        entry += '\n';
    }
    return entry;
}

}  // namespace holm
