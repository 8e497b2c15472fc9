// .nspawn files: systemd.nspawn(5) of systemd 252 to 261, every key of it. Pure.
#pragma once

#include <string_view>

#include "base/error.h"
#include "imports/import.h"

namespace holm::imports {

enum class Trust {
    Whole,   // the administrator's own
    Beside,  // it came with an image: what gives privileges, paths of the host or networks is dropped, as nspawn does
};

// spec.name is left empty. Errors: Invalid, with the line.
Result<Imported> import_nspawn(std::string_view text, Trust trust = Trust::Whole);

}  // namespace holm::imports
