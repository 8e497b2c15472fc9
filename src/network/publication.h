// Publication: whether a port can be published. Pure.
#pragma once

#include <span>
#include <string>

#include "base/error.h"
#include "network/plan.h"

namespace holm::network {

// Whether the endpoint can. `origin` of it stands in the error: " (web.toml:7)". Errors: Invalid.
Result<> check_published(const Endpoint& endpoint, const Publication& published, const std::string& origin);

// Whether no program of the host is at the port. Errors: Busy, of EADDRINUSE.
Result<> check_free(const Publication& published, std::span<const Listener> listeners, const std::string& origin);
bool collide(const Publication& published, const Listener& listener);

}  // namespace holm::network
