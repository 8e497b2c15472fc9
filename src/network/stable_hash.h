// A hash that is the same on every host and in every version of holm: what names, slots and MACs are drawn of. Pure.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace holm::network {

// Of all parts in their order; ("a", "bc") and ("ab", "c") differ.
uint64_t stable_hash(std::initializer_list<std::string_view> parts);

}  // namespace holm::network
