#include "security/filter_file.h"

#include <cstring>

namespace holm::security {

namespace {

constexpr std::string_view magic = "holm-filter 1\n";
constexpr size_t digest_size = 32;

}  // namespace

std::string encode_programs(const FilterPrograms& programs)
{
    std::string encoded;
    for (const auto& program : programs) {
        const auto count = static_cast<uint32_t>(program.size());
        encoded.append(reinterpret_cast<const char*>(&count), sizeof count);
        encoded.append(reinterpret_cast<const char*>(program.data()), program.size() * sizeof(sock_filter));
    }
    return encoded;
}

std::string encode_filter_file(std::string_view digest, std::string_view encoded_programs)
{
    return fmt::format("{}{}{}", magic, digest, encoded_programs);
}

Result<FilterFile> parse_filter_file(std::string_view content)
{
    if (!content.starts_with(magic) || content.size() < magic.size() + digest_size)
        return error(Errc::Invalid, "is no filter of system calls of this version");
    FilterFile file{.digest = std::string(content.substr(magic.size(), digest_size)),
                    .encoded_programs = std::string(content.substr(magic.size() + digest_size)),
                    .programs = {}};
    for (std::string_view rest = file.encoded_programs; !rest.empty();) {
        uint32_t count = 0;
        if (rest.size() >= sizeof count) std::memcpy(&count, rest.data(), sizeof count);
        rest.remove_prefix(std::min(rest.size(), sizeof count));
        if (count == 0 || count > BPF_MAXINSNS || rest.size() < count * sizeof(sock_filter))
            return error(Errc::Invalid, "is a filter of system calls that was cut off");
        auto& program = file.programs.emplace_back(count);
        std::memcpy(program.data(), rest.data(), count * sizeof(sock_filter));
        rest.remove_prefix(count * sizeof(sock_filter));
    }
    if (file.programs.empty()) return error(Errc::Invalid, "is a filter of system calls without a program");
    return file;
}

}  // namespace holm::security
