// What a machine's network is: until networks land, none (a namespace with its loopback up) or the host's. A value.
#pragma once

#include "base/error.h"
#include "machine/spec.h"

namespace holm::network {

enum class Kind { None, Host };

struct Plan {
    Kind kind = Kind::None;
    bool operator==(const Plan&) const = default;
};

// The network that the spec asks for: none without [[network]]. Errors: NotSupported, for a kind that is not there yet.
Result<Plan> plan_network(const machine::Spec& spec);

}  // namespace holm::network
