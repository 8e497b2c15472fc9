// nspawn settings: NAME.nspawn of an image that is machinectl's, as systemd-nspawn@.service looks for it. Observes; outside.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "imports/import.h"
#include "machine/name.h"

namespace holm::daemon {

// Of /etc/systemd/nspawn or /run/systemd/nspawn, which are the administrator's; else beside the image at `root`. Errors: Invalid, where
// it is none: with its path and line.
Result<std::optional<imports::Imported>> read_nspawn_settings(const machine::MachineName& name, const std::string& root);

}  // namespace holm::daemon
