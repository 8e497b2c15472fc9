#include "cli/table.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace holm::cli {

namespace {

constexpr std::string_view gap = " ";
constexpr size_t least_width = 8;  // a column is not cut below this

std::string text_of(const Cell& cell)
{
    struct Visitor {
        std::string operator()(const std::string& text) const { return text.empty() ? "-" : printable(text, 4096); }
        std::string operator()(uint64_t number) const { return number ? fmt::format("{}", number) : "-"; }
        std::string operator()(bool flag) const { return flag ? "yes" : "no"; }
        std::string operator()(const std::map<std::string, std::string>& map) const
        {
            std::string text;
            for (auto& [key, value] : map) text.append(text.empty() ? "" : " ").append(printable(fmt::format("{}={}", key, value)));
            return text.empty() ? "-" : text;
        }
    };
    return std::visit(Visitor{}, cell);
}

bool is_start_of_character(char byte)
{
    return (static_cast<unsigned char>(byte) & 0xc0) != 0x80;  // UTF-8; no continuation byte
}

// Takes from the widest column until all fit, or none can give more.
void shrink(std::vector<size_t>& widths, size_t available)
{
    for (;;) {
        size_t total = gap.size() * (widths.size() - 1);
        for (const size_t width : widths) total += width;
        if (total <= available) return;
        auto widest = std::ranges::max_element(widths);
        if (*widest <= least_width) return;
        *widest -= 1;
    }
}

struct Line {
    std::vector<std::string> cells = {};
    std::string_view colour_all = {};
};

// What does not fit stands in lines below, under its column.
std::vector<Line> wrapped(const Line& line, const std::vector<Column>& columns, const std::vector<size_t>& widths)
{
    std::vector<Line> lines;
    for (size_t i = 0; i < line.cells.size(); ++i) {
        const bool wraps = columns[i].overflow == Overflow::Wrap;
        std::vector<std::string> pieces = wraps ? wrap(line.cells[i], widths[i]) : std::vector{fit(line.cells[i], widths[i])};
        while (lines.size() < pieces.size())
            lines.push_back({.cells = std::vector<std::string>(line.cells.size()), .colour_all = line.colour_all});
        for (size_t n = 0; n < pieces.size(); ++n) lines[n].cells[i] = std::move(pieces[n]);
    }
    for (Line& below : lines)
        while (below.cells.size() > 1 && below.cells.back().empty()) below.cells.pop_back();
    return lines;
}

void put_line(std::string& out, const Line& line, const std::vector<size_t>& widths, bool colour)
{
    if (colour) out += line.colour_all;
    for (size_t i = 0; i < line.cells.size(); ++i) {
        const std::string& cell = line.cells[i];
        const std::string_view begin = colour && line.colour_all.empty() ? colour_of_state(cell) : std::string_view();
        const bool last = i + 1 == line.cells.size();
        if (!begin.empty()) out += begin;
        out += cell;
        if (!begin.empty()) out += colour_end;
        if (!last) out.append(widths[i] - display_width(cell), ' ').append(gap);
    }
    if (colour && !line.colour_all.empty()) out += colour_end;
    out += '\n';
}

nlohmann::ordered_json json_of(const Cell& cell)
{
    return std::visit([](auto& value) { return nlohmann::ordered_json(value); }, cell);
}

}  // namespace

size_t display_width(std::string_view text)
{
    return static_cast<size_t>(std::ranges::count_if(text, is_start_of_character));
}

std::string fit(std::string_view text, size_t width)
{
    if (display_width(text) <= width) return std::string(text);
    std::string cut;
    size_t columns = 0;
    for (const char byte : text) {
        if (is_start_of_character(byte) && ++columns >= width) break;
        cut += byte;
    }
    return width == 0 ? "" : cut + "…";
}

std::vector<std::string> wrap(std::string_view text, size_t width)
{
    std::vector<std::string> lines(1);
    for (std::string_view word : split(text, ' ')) {
        if (!lines.back().empty() && display_width(lines.back()) + 1 + display_width(word) > width) lines.emplace_back();
        if (!lines.back().empty()) lines.back() += ' ';
        for (const char byte : word) {
            if (is_start_of_character(byte) && width > 0 && display_width(lines.back()) == width) lines.emplace_back();
            lines.back() += byte;
        }
    }
    return lines;
}

std::string_view colour_of_state(std::string_view state)
{
    if (state == "running") return "\x1b[32m";
    if (state == "failed") return "\x1b[1;31m";
    if (state == "starting" || state == "stopping" || state == "frozen") return "\x1b[33m";
    return {};
}

std::string describe_table(const Table& table, const TableStyle& style)
{
    Line heading{.colour_all = "\x1b[4m"};
    std::vector<size_t> shown;
    std::vector<Column> columns;
    for (size_t i = 0; i < table.columns.size(); ++i) {
        if (table.columns[i].shown == Shown::InJson) continue;
        shown.push_back(i);
        columns.push_back(table.columns[i]);
        heading.cells.push_back(table.columns[i].title);
    }
    std::vector<Line> lines;
    if (style.legend && !table.rows.empty()) lines.push_back(heading);
    for (auto& row : table.rows) {
        Line line;
        for (const size_t i : shown) line.cells.push_back(text_of(row[i]));
        lines.push_back(std::move(line));
    }

    std::vector<size_t> widths(shown.size(), 0);
    for (const Line& line : lines)
        for (size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], display_width(line.cells[i]));
    if (style.width && !widths.empty()) shrink(widths, style.width);

    std::string out;
    for (const Line& line : lines)
        for (const Line& part : wrapped(line, columns, widths)) put_line(out, part, widths, style.colour);
    if (style.legend && table.rows.empty())
        out += table.when_empty.empty() ? fmt::format("No {}s.\n", style.noun) : table.when_empty + "\n";
    else if (style.legend) out += fmt::format("\n{} {}{} listed.\n", table.rows.size(), style.noun, table.rows.size() == 1 ? "" : "s");
    return out;
}

std::string describe_json(const Table& table, JsonStyle style)
{
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (auto& row : table.rows) {
        nlohmann::ordered_json object = nlohmann::ordered_json::object();
        for (size_t i = 0; i < row.size(); ++i) object[table.columns[i].key] = json_of(row[i]);
        list.push_back(std::move(object));
    }
    // Text of a machine may be no UTF-8: replaced, not thrown over.
    return list.dump(style == JsonStyle::Pretty ? 2 : -1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace holm::cli
