#include "cli/checksums.h"

#include <cerrno>

#include "base/fd.h"
#include "base/text.h"

namespace holm::cli {

namespace {
constexpr size_t largest = 1 << 20;
}

std::string with_checksum(std::string_view text, std::string_view file, std::string_view digest)
{
    std::string result;
    for (std::string_view line : split(text, '\n')) {
        if (line.empty() || line.substr(std::min<size_t>(line.size(), 66)) == file) continue;
        result.append(line).append("\n");
    }
    return result + fmt::format("{}  {}\n", digest.substr(digest.find(':') + 1), file);
}

Result<> write_checksum(const std::string& path, std::string_view digest)
{
    const size_t slash = path.rfind('/') + 1;
    const std::string sums = path.substr(0, slash) + "SHA256SUMS";
    auto before = read_regular_file(sums, largest);
    if (!before && before.error().sys_errno != ENOENT) return before.error();
    return replace_file(sums, with_checksum(before ? *before : "", path.substr(slash), digest), 0644, Durable::No);
}

}  // namespace holm::cli
