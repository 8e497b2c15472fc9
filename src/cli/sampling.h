// Sampling: what machines use of the host now, by what holmd says of them and the kernel of their cgroups. Observes.
#pragma once

#include <vector>

#include "base/error.h"
#include "cli/client.h"
#include "cli/usage.h"

namespace holm::cli {

enum class Which { Active, All };

// Of all machines, sorted by name, or of those that are named. Errors: of holmd; NotFound, a name that is no machine's.
Result<std::vector<Sample>> take_samples(Client& client, Which which, const std::vector<std::string>& names = {});

}  // namespace holm::cli
