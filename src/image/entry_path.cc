#include "image/entry_path.h"

#include "base/text.h"

namespace holm::image {

namespace {
constexpr size_t longest = 4096, longest_part = 255, most_parts = 512;
}

Result<std::string> parse_entry_path(std::string_view text)
{
    if (text.empty()) return error(Errc::Invalid, "an entry has no name");
    if (text.size() > longest) return error(Errc::Invalid, "the name '{}…' is longer than {} bytes", printable(text, 60), longest);
    std::string path;
    size_t parts = 0;
    for (std::string_view part : split(text, '/')) {
        if (part.empty() || part == ".") continue;
        if (part == "..") return error(Errc::Invalid, "the name '{}' leads out of its folder", printable(text));
        if (part.size() > longest_part || ++parts > most_parts)
            return error(Errc::Invalid, "the name '{}' is too long or too deep", printable(text, 100));
        if (!path.empty()) path += '/';
        path += part;
    }
    return path;
}

EntryName split_entry_path(std::string_view path)
{
    const size_t slash = path.rfind('/');
    if (slash == path.npos) return {{}, path};
    return {path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace holm::image
