// What an image says of its payload, as defaults of the machine that runs it. Pure.
#pragma once

#include <optional>

#include "base/error.h"
#include "image/manifest.h"
#include "machine/spec.h"

namespace holm::image {

// The image's check as one of ours, with docker's defaults, at most once a second; none where it has none.
std::optional<machine::HealthSpec> health_of(const Config& config);

// Fills in what the machine's definition leaves open: command (entrypoint and command of the image; one of the definition replaces both),
// user, working directory, environment (the definition's variables win), stop signal and, of the image's own command, health. Nothing of a
// machine that boots, but for what boots only because nothing was said: that runs the image's command, if there is one. Errors: Invalid,
// with what the image says.
Result<> apply_payload_defaults(const Config& config, machine::Spec& spec);

}  // namespace holm::image
