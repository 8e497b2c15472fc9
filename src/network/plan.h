// What a machine's network is: until networks land, none (a namespace with its loopback up) or the host's. A value.
#pragma once

namespace holm::network {

enum class Kind { None, Host };

struct Plan {
    Kind kind = Kind::None;
    bool operator==(const Plan&) const = default;
};

}  // namespace holm::network
