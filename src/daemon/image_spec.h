// The machine that a name stands for which is an image's and nothing else's: that image with all defaults, booted, or what an .nspawn file
// of machinectl's makes of it. Reads files of holm and settings of images; nothing is resolved below an image.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "machine/name.h"
#include "machine/spec.h"

namespace holm::daemon {

// `plain`: where the image is a folder or a disk image; "": of the store. Errors: Invalid (the settings).
Result<machine::Spec> spec_of_image(const machine::MachineName& name, const std::string& plain, std::vector<std::string>& warnings);

// Whether all that there is of a machine is what a start by its image's name has left: its state, with neither a record nor a definition,
// which the caller has looked for, and the image.
bool is_started_image(const machine::MachineName& name);
// What it would be started as. Errors: as above.
Result<machine::Spec> spec_of_started_image(const machine::MachineName& name);

}  // namespace holm::daemon
