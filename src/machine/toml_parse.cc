// parse_toml: what toml++ must not see is refused first, then its tree is copied into plain values with positions.
#define TOML_EXCEPTIONS 0
#define TOML_UNRELEASED_FEATURES 0
#include <toml++/toml.h>

#include <algorithm>
#include <cctype>

#include "base/text.h"
#include "machine/toml_value.h"

namespace holm::machine {

namespace {

// Finds out, without recursion, how deep a document nests: toml++ descends by recursion, and so does the freeing of its tree.
// Only brackets and dots outside of strings and comments count; a document that is no TOML is left to toml++, but for letters beyond ASCII
// outside of them: what toml++ 3.3 does when it asks whether one is white space is undefined. It asks that of all that stands in a value
// which is none (`1"é"`), strings too: there a string is refused. It takes for granted, too, that a name follows the `[` of a header,
// and that no value begins with `}`.
class TextScan {
public:
    TextScan(std::string_view text, const std::string& file) : text_(text), here_{file, 1, 1} {}

    Result<> run()
    {
        while (!text_.empty()) {
            TRY(check_header(text_.front()));
            TRY(check_value(text_.front()));
            if (text_.front() == '"' || text_.front() == '\'') TRY(take_string());
            else if (text_.front() == '#') skip(text_.substr(0, text_.find('\n')).size());
            else {
                if (static_cast<unsigned char>(text_.front()) >= 0x80)
                    return error(Errc::Invalid, "{}only strings and comments may have letters beyond ASCII", describe_position(here_));
                count(text_.front());
                if (depth_ > toml_nesting_limit || dots_ > toml_nesting_limit)
                    return error(Errc::Invalid, "{}nested deeper than {} levels", describe_position(here_), toml_nesting_limit);
                skip(1);
            }
        }
        return {};
    }

private:
    // Where a value is to stand, and whether any of it was there.
    enum class Place { Key, Value, BehindValue };

    // "]", which names nothing, is left to toml++; letters beyond ASCII are to run().
    Result<> check_header(char c)
    {
        if (header_ == 0 || static_cast<unsigned char>(c) >= 0x80 || c == ' ' || c == '\t' || (c == '[' && header_ == 1)) return {};
        header_ = 0;
        if (std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view("_-\"']").find(c) != std::string_view::npos) return {};
        return error(Errc::Invalid, "{}the name of a table must follow '['", describe_position(here_));
    }

    Result<> check_value(char c) const
    {
        if (place_ == Place::Value && c == '}') return error(Errc::Invalid, "{}a value must stand here", describe_position(here_));
        return {};
    }

    void follow(char c)
    {
        switch (c) {
        case '\n':
            if (!open_.contains('[') || place_ == Place::Key) place_ = Place::Key, open_.clear();  // else of an array
            break;
        case '=': place_ = place_ == Place::Key ? Place::Value : Place::BehindValue; break;
        case '[':
        case '{':
            open_.push_back(place_ == Place::Key ? 'k' : c);  // [header]
            if (place_ == Place::Key && c == '[') ++header_;
            if (place_ == Place::Value && c == '{') place_ = Place::Key;
            break;
        case ',': place_ = open_.ends_with('{') ? Place::Key : Place::Value; break;
        case ']':
        case '}':
            place_ = open_.ends_with('k') ? Place::Key : Place::BehindValue;
            if (!open_.empty()) open_.pop_back();
            break;
        case ' ':
        case '\t':
        case '\r': break;
        default:
            if (place_ == Place::Value) place_ = Place::BehindValue;
        }
    }

    Result<> take_string()
    {
        const std::string_view from = text_;
        const Origin begin = here_;
        TRY(skip_string());
        const std::string_view string = from.substr(0, from.size() - text_.size());
        if (place_ == Place::BehindValue && std::ranges::any_of(string, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }))
            return error(Errc::Invalid, "{}no string can stand here", describe_position(begin));
        if (place_ == Place::Value) place_ = Place::BehindValue;
        return {};
    }

    void count(char c)
    {
        follow(c);
        if (c == '[' || c == '{') ++depth_;
        else if ((c == ']' || c == '}') && depth_ > 0) --depth_;
        if (c == '.') ++dots_;
        else if (c == '\n' || c == '=' || c == ',' || c == '{') dots_ = 0;
    }

    void skip(size_t bytes)
    {
        for (char c : text_.substr(0, bytes)) {
            if (c == '\n') ++here_.line, here_.column = 1;
            else if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) ++here_.column;
        }
        text_.remove_prefix(std::min(bytes, text_.size()));
    }

    // A basic string (escapes) or a literal one (none), on one line or, with three quotes, on many.
    Result<> skip_string()
    {
        const char quote = text_.front();
        const std::string three(3, quote);
        const bool many = text_.starts_with(three);
        size_t at = many ? 3 : 1;
        while (at < text_.size()) {
            if (quote == '"' && text_[at] == '\\') {
                if (many) TRY(check_continuation(text_.substr(at + 1)));
                at += 2;
            } else if (many && text_.substr(at).starts_with(three)) {
                at += 3;
                while (at < text_.size() && text_[at] == quote) ++at;  // up to two quotes of content before the three that close
                break;
            } else if (!many && (text_[at] == quote || text_[at] == '\n')) {
                at += text_[at] == quote;
                break;
            } else ++at;
        }
        skip(at);
        return {};
    }

    // Behind a backslash in a string of many lines toml++ asks, too, whether a letter is white space.
    Result<> check_continuation(std::string_view behind) const
    {
        const size_t next = behind.find_first_not_of(" \t\r\n");
        if (next == std::string_view::npos || static_cast<unsigned char>(behind[next]) < 0x80) return {};
        if (next == 0)
            return error(Errc::Invalid, "{}in this string '\\' stands before a letter beyond ASCII, which is no escape",
                         describe_position(here_));
        return error(Errc::Invalid, "{}in this string a line that ends with '\\' goes on with a letter beyond ASCII: join the two",
                     describe_position(here_));
    }

    std::string_view text_;
    Origin here_;
    size_t depth_ = 0, dots_ = 0;
    Place place_ = Place::Key;
    unsigned header_ = 0;  // its brackets, until its name begins
    std::string open_;     // brackets: '[', '{', or 'k' of a header
};

Origin origin_of(const toml::source_region& region, const std::string& file)
{
    return {file, static_cast<unsigned>(region.begin.line), static_cast<unsigned>(region.begin.column)};
}

bool is_inline_table(const toml::node& node)
{
    const toml::table* table = node.as_table();
    return table && table->is_inline();
}

TomlValue copy_node(const toml::node& node, const std::string& file, Origin origin);

TomlValue copy_table(const toml::table& table, const std::string& file, Origin origin)
{
    TomlValue value{.kind = TomlValue::Kind::Table, .origin = std::move(origin)};
    for (const auto& [key, node] : table)
        value.entries.push_back({std::string(key.str()), copy_node(node, file, origin_of(key.source(), file))});
    // toml++ sorts by key; users think in the order of the file
    auto place = [](const TomlEntry& entry) { return std::pair(entry.value.origin.line, entry.value.origin.column); };
    std::ranges::stable_sort(value.entries, {}, place);
    return value;
}

TomlValue copy_node(const toml::node& node, const std::string& file, Origin origin)
{
    TomlValue value{.origin = std::move(origin)};
    switch (node.type()) {
    case toml::node_type::string:
        value.kind = TomlValue::Kind::String;
        value.text = node.as_string()->get();
        break;
    case toml::node_type::integer:
        value.kind = TomlValue::Kind::Integer;
        value.number = node.as_integer()->get();
        break;
    case toml::node_type::boolean:
        value.kind = TomlValue::Kind::Boolean;
        value.flag = node.as_boolean()->get();
        break;
    case toml::node_type::array:
        value.kind = TomlValue::Kind::Array;
        for (const toml::node& item : *node.as_array()) value.items.push_back(copy_node(item, file, origin_of(item.source(), file)));
        value.flag = std::ranges::any_of(*node.as_array(), is_inline_table);
        break;
    case toml::node_type::table: return copy_table(*node.as_table(), file, std::move(value.origin));
    case toml::node_type::floating_point: value.kind = TomlValue::Kind::Float; break;
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
    case toml::node_type::none: value.kind = TomlValue::Kind::Date; break;
    }
    return value;
}

Result<> check_bytes(const Source& source, std::string_view text)
{
    const std::string where = source.file.empty() ? "the definition" : fmt::format("'{}'", printable(source.file));
    if (text.size() > toml_size_limit) return error(Errc::Invalid, "{} is larger than 1 MiB", where);
    if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff"))
        return error(Errc::Invalid, "{} is UTF-16 text; it must be UTF-8", where);
    if (size_t at = text.find('\0'); at != text.npos) {
        const auto line = static_cast<unsigned>(1 + std::ranges::count(text.substr(0, at), '\n'));
        const auto column = static_cast<unsigned>(at - (text.substr(0, at).rfind('\n') + 1) + 1);  // npos + 1 is 0
        return error(Errc::Invalid, "{}a NUL byte; a definition is UTF-8 text", describe_position({source.file, line, column}));
    }
    unsigned number = 0;
    for (std::string_view line : split(text, '\n'))
        if (++number; !is_valid_utf8(line))
            return error(Errc::Invalid, "{}'{}' is not UTF-8 text", describe_position({source.file, number, 1}), printable(line, 60));
    return {};
}

}  // namespace

Result<TomlValue> parse_toml(const Source& source)
{
    std::string_view text = source.text;
    TRY(check_bytes(source, text));
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    TRY(TextScan(text, source.file).run());
    toml::parse_result parsed = toml::parse(text, source.file);
    if (!parsed) {
        const toml::parse_error& failure = parsed.error();
        return error(Errc::Invalid, "{}{}", describe_position(origin_of(failure.source(), source.file)),
                     printable(failure.description(), 400));
    }
    return copy_table(parsed.table(), source.file, {source.file, 1, 1});
}

}  // namespace holm::machine
