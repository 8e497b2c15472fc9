#include "machine/name.h"

#include <algorithm>

#include "base/text.h"

namespace holm::machine {

namespace {

constexpr size_t longest = 64;  // HOST_NAME_MAX, what machined allows

bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// The rule that the text breaks, "" if none.
std::string_view broken_rule(std::string_view text)
{
    if (text.empty()) return "is empty";
    if (text.size() > longest) return "is longer than 64 bytes";
    if (text == ".host" || text == "host" || text == ".self" || text == "self") return "is reserved";
    for (char c : text)
        if (!is_letter_or_digit(c) && c != '-' && c != '.') return "may have only letters, digits, '-' and '.'";
    for (std::string_view label : split(text, '.')) {
        if (label.empty()) return "has an empty part before, after or between dots";
        if (label.front() == '-' || label.back() == '-') return "has a part that begins or ends with '-'";
    }
    return {};
}

}  // namespace

Result<MachineName> parse_name(std::string_view text)
{
    if (std::string_view rule = broken_rule(text); !rule.empty())
        return error(Errc::Invalid, "'{}' is no valid name of a machine: it {}", printable(text, 80), rule);
    MachineName name;
    name.text_ = text;
    return name;
}

std::string name_from_text(std::string_view text, size_t limit)
{
    std::string name;
    for (char c : text) {
        char next = is_letter_or_digit(c) || c == '.' ? c : '-';
        bool at_edge = name.empty() || name.back() == '.' || name.back() == '-';
        if (at_edge && next == '-') continue;  // no label begins with '-'; one '-' for a run of other bytes
        if (next == '.') {
            while (!name.empty() && name.back() == '-') name.pop_back();
            if (name.empty() || name.back() == '.') continue;
        }
        name += next;
    }
    name.resize(std::min({name.size(), limit, longest}));
    while (!name.empty() && (name.back() == '-' || name.back() == '.')) name.pop_back();
    return broken_rule(name).empty() ? name : "machine";
}

}  // namespace holm::machine
