// Headers of packages of rpm, made by hand.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holm::image {

inline std::string big_endian(uint32_t number)
{
    std::string bytes;
    for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(number >> shift);
    return bytes;
}

struct RpmEntry {
    uint32_t tag, type, offset, count = 1;
};

inline std::string rpm_blob(const std::vector<RpmEntry>& entries, std::string_view data)
{
    std::string bytes = big_endian(static_cast<uint32_t>(entries.size())) + big_endian(static_cast<uint32_t>(data.size()));
    for (const RpmEntry& entry : entries)
        for (const uint32_t number : {entry.tag, entry.type, entry.offset, entry.count}) bytes += big_endian(number);
    return bytes.append(data);
}

inline std::string rpm_package(const std::string& name, const std::string& version, const std::string& release)
{
    const auto second = static_cast<uint32_t>(name.size() + 1), third = second + static_cast<uint32_t>(version.size() + 1);
    return rpm_blob({{1000, 6, 0}, {1001, 6, second}, {1002, 6, third}}, name + '\0' + version + '\0' + release + '\0');
}

}  // namespace holm::image
