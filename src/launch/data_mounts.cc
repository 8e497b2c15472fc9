#include "launch/data_mounts.h"

#include <fmt/format.h>

#include "api/names.h"

namespace holm::launch {

namespace {

// A specifier of systemd.unit(5) is none here.
std::string escape(const std::string& path)
{
    std::string escaped;
    for (char c : path) escaped += c == '%' ? "%%" : std::string(1, c);
    return escaped;
}

}  // namespace

std::vector<DataMount> plan_data_mounts(const machine::Settings& settings)
{
    const machine::Settings::Paths& paths = settings.paths;
    const std::string state = api::state_folder;
    std::vector<DataMount> mounts;
    auto add = [&](const char* unit, const std::string& source, const std::string& target) {
        if (!source.empty() && source != target) mounts.push_back({.unit = unit, .source = source, .target = target});
    };
    add("var-lib-holm.mount", paths.state, state);
    add("var-lib-holm-images.mount", paths.images, state + "/images");
    // What images are made of goes with them; no image can have such a name.
    if (!paths.images.empty() && paths.images != state + "/images")
        add("var-lib-holm-layers.mount", paths.images + "/.layers", state + "/layers");
    add("var-lib-holm-machines.mount", paths.machines, state + "/machines");
    return mounts;
}

std::string describe_mount_unit(const DataMount& mount)
{
    return fmt::format(
        "# Written by holm-generator, from [paths] of holm.toml(5).\n"
        "[Unit]\n"
        "Description=Data of holm in {0}\n"
        "Documentation=man:holm.toml(5)\n"
        "[Mount]\n"
        "What={0}\n"
        "Where={1}\n"
        "Type=none\n"
        "Options=bind\n"
        "DirectoryMode=0700\n",
        escape(mount.source), mount.target);
}

}  // namespace holm::launch
