#include "base/text.h"
#include "cli/imports/import.h"

namespace holm::cli {

ConfigKind kind_of_config(std::string_view path, std::string_view text)
{
    if (path.ends_with(".nspawn")) return ConfigKind::Nspawn;
    if (path.ends_with(".json")) return ConfigKind::Oci;
    if (path.ends_with(".yml") || path.ends_with(".yaml")) return ConfigKind::Compose;
    const std::string_view begin = trim(text);
    if (begin.starts_with('{')) return ConfigKind::Oci;
    if (begin.starts_with("[Exec]") || begin.starts_with("[Files]") || begin.starts_with("[Network]")) return ConfigKind::Nspawn;
    if (begin.starts_with("services:") || begin.find("\nservices:") != begin.npos) return ConfigKind::Compose;
    return ConfigKind::Lxc;
}

}  // namespace holm::cli
