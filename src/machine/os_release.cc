#include "machine/os_release.h"

#include <algorithm>

#include "base/text.h"

namespace holm::machine {

namespace {

constexpr size_t max_fields = 100;

bool is_key(std::string_view key)
{
    auto allowed = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
    return !key.empty() && std::ranges::all_of(key, allowed);
}

std::string unquote(std::string_view value)
{
    const bool quoted = value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front();
    const bool escapes = !quoted || value.front() == '"';
    if (quoted) value = value.substr(1, value.size() - 2);
    std::string plain;
    for (size_t i = 0; i < value.size(); ++i) {
        if (escapes && value[i] == '\\' && i + 1 < value.size()) ++i;
        plain += value[i];
    }
    return plain;
}

}  // namespace

std::map<std::string, std::string> parse_os_release(std::string_view text)
{
    std::map<std::string, std::string> fields;
    for (std::string_view line : split(text, '\n')) {
        line = trim(line);
        const size_t equals = line.find('=');
        if (line.starts_with('#') || equals == line.npos || !is_key(line.substr(0, equals))) continue;
        std::string value = unquote(line.substr(equals + 1));
        if (!is_valid_utf8(value) || value.find('\0') != value.npos) continue;
        fields.insert_or_assign(std::string(line.substr(0, equals)), std::move(value));
        if (fields.size() == max_fields) break;
    }
    return fields;
}

}  // namespace holm::machine
