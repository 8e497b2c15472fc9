// What work that was cut off has left in the store and with machines; nothing once holmd has cleaned up. Observes.
#pragma once

#include <string>

#include "process.h"

namespace holm::test {

// A process of the store that works counts as well: it may still be at its last step.
inline std::string store_litter()
{
    return sh("cd /var/lib/holm; ls -Ad layers/.incoming-* layers/.removed-* layers/*/unnamed images/*.new images/.manifests/*.new "
              "images/.manifests/*.unnamed machines/.[!.]* machines/*/layers/.[!.]* 2>/dev/null; pgrep -x holm-store")
        .out;
}

}  // namespace holm::test
