#include "machine/spec.h"

#include "base/text.h"

namespace holm::machine {

std::string describe_origin(const Spec& spec, std::string_view key)
{
    // a key that was not written itself, "root.lower[1]" of a default, stands where the table around it was written
    for (std::string_view part = key; !part.empty(); part = part.substr(0, std::min(part.find_last_of(".["), part.size()))) {
        auto found = spec.origins.find(std::string(part));
        if (found != spec.origins.end() && found->second.line != 0 && !found->second.file.empty())
            return fmt::format(" ({}:{}:{})", printable(found->second.file), found->second.line, found->second.column);
        if (part.find_last_of(".[") == part.npos) break;
    }
    return {};
}

}  // namespace holm::machine
