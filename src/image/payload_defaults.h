// What an image says of its payload, as defaults of the machine that runs it. Pure.
#pragma once

#include "base/error.h"
#include "image/manifest.h"
#include "machine/spec.h"

namespace holm::image {

// Fills in what the machine's definition leaves open: command (entrypoint and command of the image; one of the definition replaces both),
// user, working directory, environment (the definition's variables win) and stop signal. Nothing of a machine that boots, but for what
// boots only because nothing was said: that runs the image's command, if there is one. Errors: Invalid, with what the image says.
Result<> apply_payload_defaults(const Config& config, machine::Spec& spec);

}  // namespace holm::image
