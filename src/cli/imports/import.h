// Definitions made of other programs' files: LXC's, OCI's and compose's, and which of them a file is. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "imports/import.h"

namespace holm::cli {

using imports::Dropped;
using imports::first_network;
using imports::Imported;
using imports::name_made_of;
using imports::parse_flag;
using imports::parse_variable;
using imports::split_words;
using imports::take_capabilities;
using imports::take_mount;
using imports::take_resource;

enum class ConfigKind { Nspawn, Lxc, Oci, Compose };
// By the name of the file, and where that says nothing by how the text begins.
ConfigKind kind_of_config(std::string_view path, std::string_view text);

// Each gives spec.name only where the text has one. Errors: Invalid, where the text is not of its kind: with the line where there is one.
Result<Imported> import_lxc(std::string_view text);
// `folder`: of the bundle, to which its paths are relative.
Result<Imported> import_oci(const std::string& text, const std::string& folder);
// One for each service.
Result<std::vector<Imported>> import_compose(const std::string& text, const std::string& folder);

}  // namespace holm::cli
