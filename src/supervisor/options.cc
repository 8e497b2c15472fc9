#include "supervisor/options.h"

#include "api/names.h"
#include "base/text.h"

namespace holm::supervisor {

Result<Options> parse_options(std::span<const std::string_view> arguments)
{
    Options options;
    options.setup = std::string(api::program_folder) + "/holm-setup";
    options.prepare = std::string(api::program_folder) + "/holm-prepare";
    for (std::string_view argument : arguments) {
        size_t equals = argument.find('=');
        if (equals == argument.npos) return error(Errc::Invalid, "'{}' makes no sense: {}", printable(argument), usage);
        std::string_view key = argument.substr(0, equals), value = argument.substr(equals + 1);
        if (key == "--machine") options.machine = TRY(machine::parse_name(value));
        else if (key == "--plan") options.plan = value;
        else if (key == "--setup") options.setup = value;
        else if (key == "--prepare") options.prepare = value;
        else if (key == "--channel") {
            auto channel = parse_number(value, 1 << 20);
            if (!channel || *channel < 3) return error(Errc::Invalid, "--channel={} is no descriptor", printable(value));
            options.channel = static_cast<int>(*channel);
        } else return error(Errc::Invalid, "unknown option '{}': {}", printable(key), usage);
    }
    if (options.machine.text().empty()) return error(Errc::Invalid, "--machine= is missing: {}", usage);
    if (options.channel >= 0 && options.plan.empty()) return error(Errc::Invalid, "--channel= needs --plan=");
    options.mode = options.plan.empty() ? Mode::Service : options.channel >= 0 ? Mode::Scope : Mode::ByHand;
    if (options.mode == Mode::Service) options.plan = api::plan_path(options.machine);
    return options;
}

}  // namespace holm::supervisor
