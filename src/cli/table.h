// Table: rows under named columns, as text that fits a terminal or as JSON with stable keys. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cli/parse.h"

namespace holm::cli {

// As the JSON has it; as text a flag is yes or no, a map K=V with spaces between.
using Cell = std::variant<std::string, uint64_t, bool, std::map<std::string, std::string>>;

enum class Shown { Always, InJson };
enum class Overflow { Cut, Wrap };

struct Column {
    std::string title;  // "MACHINE"
    std::string key;    // "machine": of the JSON, never changed once released
    Shown shown = Shown::Always;
    Overflow overflow = Overflow::Cut;  // of what is wider than its column; Wrap: between words, of sentences that are to be read whole
};

struct Table {
    std::vector<Column> columns;
    std::vector<std::vector<Cell>> rows;
    std::string when_empty = {};  // said instead of "No machines."
};

struct TableStyle {
    size_t width = 0;  // columns of the terminal; 0: as wide as it gets
    bool colour = false;
    bool legend = true;
    std::string noun = "machine";  // "3 machines listed."
};

// Columns are aligned; where the width does not suffice the widest are cut with "…", or wrapped. Control bytes are shown as \xNN.
std::string describe_table(const Table& table, const TableStyle& style);

// An array of objects; JsonStyle::Off is not asked for.
std::string describe_json(const Table& table, JsonStyle style);

// Columns that a text takes on a terminal: characters, not bytes.
size_t display_width(std::string_view text);
// The text cut to at most `width` columns, with "…" at its end where something is missing.
std::string fit(std::string_view text, size_t width);
// The text as lines of at most `width` columns, between words where that can be; one at least.
std::vector<std::string> wrap(std::string_view text, size_t width);

// The colour of a machine's state: escape sequence that begins it; "" for none.
std::string_view colour_of_state(std::string_view state);
inline constexpr std::string_view colour_end = "\x1b[0m";

}  // namespace holm::cli
