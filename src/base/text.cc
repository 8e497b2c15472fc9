#include "base/text.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace holm {

std::vector<std::string_view> split(std::string_view text, char separator)
{
    std::vector<std::string_view> parts;
    for (size_t at; (at = text.find(separator)) != text.npos; text.remove_prefix(at + 1)) parts.push_back(text.substr(0, at));
    parts.push_back(text);
    return parts;
}

std::string_view trim(std::string_view text)
{
    constexpr std::string_view space = " \t\r\n";
    size_t begin = text.find_first_not_of(space);
    if (begin == text.npos) return {};
    return text.substr(begin, text.find_last_not_of(space) - begin + 1);
}

std::optional<uint64_t> parse_number(std::string_view text, uint64_t max)
{
    uint64_t value = 0;
    if (text.empty() || text.front() < '0' || text.front() > '9') return {};
    auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc() || end != text.data() + text.size() || value > max) return {};
    return value;
}

namespace {

// The length of the UTF-8 sequence at the front, 0 if invalid (RFC 3629: no overlong forms, no surrogates).
size_t utf8_length(std::string_view text)
{
    auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    unsigned char lead = byte(0);
    if (lead < 0x80) return 1;
    size_t length = lead >= 0xf0 && lead <= 0xf4 ? 4 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xc2 && lead < 0xe0 ? 2 : 0;
    if (length == 0 || text.size() < length) return 0;
    for (size_t i = 1; i < length; ++i)
        if ((byte(i) & 0xc0) != 0x80) return 0;
    unsigned char next = byte(1);
    if ((lead == 0xe0 && next < 0xa0) || (lead == 0xed && next > 0x9f) || (lead == 0xf0 && next < 0x90) || (lead == 0xf4 && next > 0x8f))
        return 0;
    return length;
}

// Insertions, deletions, replacements and neighbours that changed places (optimal string alignment).
size_t edit_distance(std::string_view a, std::string_view b)
{
    std::vector<size_t> before(b.size() + 1), row(b.size() + 1), next(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
        next[0] = i;
        for (size_t j = 1; j <= b.size(); ++j) {
            next[j] = std::min({row[j - 1] + (a[i - 1] != b[j - 1]), row[j] + 1, next[j - 1] + 1});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) next[j] = std::min(next[j], before[j - 2] + 1);
        }
        before.swap(row);
        row.swap(next);
    }
    return row[b.size()];
}

template <typename Word>
std::string_view nearest_of(std::string_view word, std::span<const Word> candidates)
{
    std::string_view best;
    size_t least = SIZE_MAX;
    if (word.size() > 128) return best;
    for (std::string_view candidate : candidates) {
        size_t distance = edit_distance(word, candidate), allowed = std::max<size_t>(1, std::max(word.size(), candidate.size()) / 3);
        if (distance <= allowed && distance < least) least = distance, best = candidate;
    }
    return best;
}

template <typename Word>
std::string did_you_mean_of(std::string_view word, std::span<const Word> candidates)
{
    std::string_view near = nearest_of(word, candidates);
    return near.empty() ? std::string() : fmt::format(" (did you mean '{}'?)", near);
}

}  // namespace

std::string printable(std::string_view text, size_t limit)
{
    std::string safe;
    while (!text.empty() && safe.size() < limit) {
        size_t length = utf8_length(text);
        unsigned char lead = static_cast<unsigned char>(text[0]);
        // C0, DEL and C1 (U+0080 to U+009F) act on terminals; so do the bidi marks U+202A..E and U+2066..9.
        bool control = lead < 0x20 || lead == 0x7f || (length == 2 && lead == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0);
        if (length == 3 && lead == 0xe2) {
            unsigned char b1 = static_cast<unsigned char>(text[1]), b2 = static_cast<unsigned char>(text[2]);
            control = (b1 == 0x80 && b2 >= 0xaa && b2 <= 0xae) || (b1 == 0x81 && b2 >= 0xa6 && b2 <= 0xa9);
        }
        if (length == 0) length = 1, control = true;
        if (control)
            for (size_t i = 0; i < length; ++i) safe += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[i]));
        else safe += text.substr(0, length);
        text.remove_prefix(length);
    }
    if (!text.empty()) safe += "…";
    return safe;
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates)
{
    return nearest_of(word, candidates);
}
std::string_view nearest(std::string_view word, std::span<const std::string> candidates)
{
    return nearest_of(word, candidates);
}
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates)
{
    return did_you_mean_of(word, candidates);
}
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates)
{
    return did_you_mean_of(word, candidates);
}

bool is_valid_utf8(std::string_view text)
{
    while (!text.empty()) {
        size_t length = utf8_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

}  // namespace holm
