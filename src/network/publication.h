// Publication: whether an endpoint can publish a port. Pure.
#pragma once

#include <string>

#include "base/error.h"
#include "network/plan.h"

namespace holm::network {

// `origin` of it stands in the error: " (web.toml:7)". Errors: Invalid.
Result<> check_published(const Endpoint& endpoint, const Publication& published, const std::string& origin);

}  // namespace holm::network
