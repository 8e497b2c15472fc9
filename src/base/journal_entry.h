// Journal entry: journald's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram an entry. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holm {

using JournalField = std::pair<std::string_view, std::string_view>;

// "KEY=value\n"; a value that holds a line end or another control character in the binary form: KEY, LF, its length as 64 bits
// little-endian, the bytes, LF.
std::string encode_entry(const std::vector<JournalField>& fields);

}  // namespace holm
