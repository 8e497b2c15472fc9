#include <array>
#include <cstdlib>

#include "machine/settings.h"
#include "machine/spec_file.h"
#include "network/definition.h"
#include "targets.h"

namespace holm::fuzz {

void definition(std::string_view bytes)
{
    const machine::Source source{"/etc/holm/machines/web.toml", std::string(bytes)};
    const auto name = machine::parse_name("web");
    static_cast<void>(machine::parse_settings({&source, 1}));
    static_cast<void>(network::parse_definition(*name, {&source, 1}));
    auto spec = machine::parse_spec(*name, {&source, 1});
    if (!spec) return;
    const machine::Source written{"", machine::describe_spec_file(*spec)};
    auto again = machine::parse_spec(*name, {&written, 1});
    if (!again) std::abort();
    again->origins = spec->origins;
    if (*again != *spec) std::abort();
}

}  // namespace holm::fuzz
