// TOML as plain values that know where they were written: the strict front door of every file of holm, and the way back to
// text. Pure. (toml++ stays behind parse_toml: it compiles slowly and throws nothing here.)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "machine/spec.h"

namespace holm::machine {

// A file's name, for positions, and its bytes. file "" = from the command line or the bus.
struct Source {
    std::string file;
    std::string text;
    bool operator==(const Source&) const = default;
};

inline constexpr size_t toml_size_limit = 1 << 20;  // bytes of a file
inline constexpr unsigned toml_nesting_limit = 32;  // arrays, inline tables and dots of a key within each other

struct TomlEntry;

struct TomlValue {
    enum class Kind { String, Integer, Float, Boolean, Date, Array, Table };
    Kind kind = Kind::Table;
    Origin origin;                   // of the key, or of the element of an array
    std::string text;                // String
    int64_t number = 0;              // Integer
    bool flag = false;               // Boolean; of an Array of tables: it stands behind `=`, as one value
    std::vector<TomlValue> items;    // Array
    std::vector<TomlEntry> entries;  // Table, in the order of the file

    const TomlValue* find(std::string_view key) const;  // in a Table; null: not there
};

struct TomlEntry {
    std::string key;
    TomlValue value;
};

// The table of a whole file. An empty one is a table without keys; a UTF-8 byte order mark and CRLF are accepted.
// Errors: Invalid "FILE:LINE:COLUMN: …": no TOML, not UTF-8, a NUL, UTF-16, too large, nested too deep, a key twice.
Result<TomlValue> parse_toml(const Source& source);

// `later` laid over `earlier`: tables merge key by key, [[tables]] are appended; all else is replaced, and so is an array of
// tables by one that stands behind `=`.
TomlValue merge_toml(TomlValue earlier, TomlValue later);

// "a string", "an integer", … for messages.
std::string_view describe_kind(TomlValue::Kind kind);

// "FILE:LINE:COLUMN: ", or "LINE:COLUMN: " without a file, or "" without a line.
std::string describe_position(const Origin& origin);

// TOML text of a string: quoted, every byte that needs it escaped.
std::string toml_quote(std::string_view text);
// A key as it may stand before `=`: bare where possible, else quoted.
std::string toml_key(std::string_view key);

}  // namespace holm::machine
