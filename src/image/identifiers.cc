#include "image/identifiers.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "machine/identifiers.h"

namespace holm::image {

namespace {

constexpr std::string_view algorithm = "sha256:", latest = ":latest", drawn = "r-";

bool is_hex(std::string_view text, size_t digits)
{
    return text.size() == digits && text.find_first_not_of("0123456789abcdef") == text.npos;
}

}  // namespace

Result<std::string> parse_digest(std::string_view text)
{
    if (is_digest(text)) return std::string(text);
    return error(Errc::Invalid, "'{}' is no digest: 'sha256:' and 64 lower-case hex digits", printable(text, 100));
}

Result<std::string> parse_layer_id(std::string_view text)
{
    if (is_hex(text, 64) || (text.starts_with(drawn) && is_hex(text.substr(drawn.size()), 32))) return std::string(text);
    return error(Errc::Invalid, "'{}' is no id of a layer: 64 hex digits, or 'r-' and 32", printable(text, 100));
}

std::string id_of_sealed(std::string_view id)
{
    return std::string(drawn).append(id);
}

bool is_drawn(std::string_view id)
{
    return id.starts_with(drawn);
}

bool is_digest(std::string_view reference)
{
    return reference.starts_with(algorithm) && is_hex(reference.substr(algorithm.size()), 64);
}

Result<std::string> parse_image_name(std::string_view text)
{
    const std::string_view name = text.ends_with(latest) ? text.substr(0, text.size() - latest.size()) : text;
    const size_t colon = name.find(':');
    const bool plain = machine::parse_file_name(name).has_value() && colon != 0 && colon != name.size() - 1 &&
                       std::ranges::count(name, ':') <= 1 && name.find('@') == name.npos && !name.starts_with(algorithm);
    if (plain) return std::string(name);
    return error(Errc::Invalid, "'{}' is no name of an image: letters, digits and . _ - +, and :TAG behind it, at most 128 bytes",
                 printable(text, 150));
}

Result<std::string> parse_reference(std::string_view text)
{
    if (is_digest(text)) return std::string(text);
    return parse_image_name(text);
}

std::string name_of_path(std::string_view path)
{
    constexpr auto endings = std::to_array<std::string_view>(
        {".gz", ".xz", ".zst", ".bz2", ".tgz", ".txz", ".tbz2", ".tar", ".raw", ".img", ".squashfs", ".erofs", ".oci"});
    while (path.ends_with('/')) path.remove_suffix(1);
    std::string_view last = path.substr(path.rfind('/') + 1);
    for (bool cut = true; cut;) {
        cut = false;
        for (std::string_view ending : endings)
            if (last.ends_with(ending) && last.size() > ending.size()) last.remove_suffix(ending.size()), cut = true;
    }
    std::string name;
    for (char c : last.substr(0, 100))
        name += machine::parse_file_name(fmt::format("a{}", c)).has_value() && c != ':' && c != '@' ? c : '-';
    name.erase(0, name.find_first_not_of(".-"));
    return name.empty() ? "image" : name;
}

}  // namespace holm::image
