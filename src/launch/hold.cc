#include "launch/hold.h"

#include <algorithm>

#include "base/text.h"

namespace holm::launch {

Result<> check_hold(std::string_view step)
{
    if (std::ranges::find(hold_steps, step) != hold_steps.end()) return {};
    return error(Errc::Invalid, "a start can be held at mounts, network, init or on-fail, not at '{}'", printable(step));
}

}  // namespace holm::launch
