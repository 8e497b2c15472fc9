#include "network/stable_hash.h"

namespace holm::network {

// FNV-1a over the parts and a NUL behind each; then mixed, as its upper bits alone tell short texts badly apart.
uint64_t stable_hash(std::initializer_list<std::string_view> parts)
{
    constexpr uint64_t prime = 0x100000001b3;
    uint64_t value = 0xcbf29ce484222325;
    for (std::string_view part : parts) {
        for (unsigned char byte : part) value = (value ^ byte) * prime;
        value *= prime;
    }
    value = (value ^ value >> 33) * 0xff51afd7ed558ccd;
    value = (value ^ value >> 33) * 0xc4ceb9fe1a85ec53;
    return value ^ value >> 33;
}

}  // namespace holm::network
