// Flows: connections that the kernel still carries as the published ports were before. Applies; outside.
#pragma once

#include <span>

#include "base/error.h"
#include "network/plan.h"

namespace holm::network {

// A port has come to be published: a client whose datagrams went to the host before is seen anew. Connections of TCP go on.
Result<> forget_untranslated(std::span<const Publication> published);
// They are published no more: what came through them ends.
Result<> forget_translated(const Endpoint& endpoint, std::span<const Publication> published);

}  // namespace holm::network
