#include "cli/stopping.h"

#include <fmt/format.h>

#include "base/text.h"
#include "machine/grammar.h"

namespace holm::cli {

std::string describe_stopping(std::string_view machine, std::chrono::microseconds left, std::string_view limit)
{
    const std::string name = printable(machine);
    if (left == machine::infinite)
        return fmt::format("waiting for machine '{0}' to shut down, for as long as it takes ({1}); 'holmctl terminate {0}' kills it", name,
                           limit);
    const auto whole = std::chrono::ceil<std::chrono::seconds>(left);
    return fmt::format("waiting for machine '{0}' to shut down; it is killed within {1} ({2}), or at once by 'holmctl terminate {0}'", name,
                       machine::describe_duration(whole), limit);
}

}  // namespace holm::cli
