// The packages of layers by the lists of dpkg and rpm in them, compared. In a child of holmd, which has rpm's read by holm-store. Observes;
// outside.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "rootfs/rebase.h"

namespace holm::daemon {

// Folders of layers, topmost first: the list that counts is that of the topmost which has one.
struct ComparedLayers {
    std::vector<std::string> before, here, there;
};

// First those of dpkg. Where a database of rpm cannot be read there are none of rpm, and the journal says why.
std::vector<rootfs::PackageDrift> observe_package_drift(const ComparedLayers& layers,
                                                        const std::function<void(std::string_view path)>& looking_at);

}  // namespace holm::daemon
