// Bundle: all that a report of a defect needs of one machine, as a compressed tar in the working directory. Effects.
#pragma once

#include <string>

#include "base/error.h"
#include "cli/client.h"

namespace holm::cli::verbs {

// Why, properties, definition, plan, journal and versions. The path of the file, which only its owner may read. What cannot be had
// is left out. Errors: of files, and of tar(1).
Result<std::string> write_bundle(Client& client, const std::string& machine, const std::string& why);

}  // namespace holm::cli::verbs
