#include "daemon/overridden.h"

#include <algorithm>

#include "daemon/kept_change.h"
#include "kernel/definition_files.h"

namespace holm::daemon {

Result<std::vector<machine::Overridden>> observe_overridden(const PlanRequest& request)
{
    using Found = std::vector<machine::Overridden>;
    if (request.spec) return Found();
    auto sources = kernel::read_sources(request.name, {.default_profile = request.settings.defaults.profile});
    if (!sources && sources.error().code == Errc::NotFound) return Found();
    if (!sources) return sources.error();
    auto set = std::ranges::find_if(*sources, [](const machine::Source& source) { return source.file.ends_with(kept_file); });
    if (set == sources->end()) return Found();
    return machine::find_overridden({sources->begin(), set}, *set);
}

}  // namespace holm::daemon
