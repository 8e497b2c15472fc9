#include "daemon/definitions.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "api/limits.h"
#include "api/names.h"
#include "base/fd.h"
#include "base/handle.h"
#include "machine/resources.h"
#include "machine/spec_file.h"
#include "rootfs/remove.h"

namespace holm::daemon {

namespace {

// A profile's file: /etc/holm before /usr/lib/holm.
Result<machine::Source> read_profile(const std::string& profile, const kernel::Places& places)
{
    auto name = TRY(machine::parse_name(profile), "profile");
    for (const std::string& folder : {places.etc, places.vendor}) {
        const std::string path = fmt::format("{}{}/profiles/{}.toml", places.prefix, folder, name.text());
        auto text = read_regular_file(path, api::max_definition);
        if (text) {
            machine::Source source{path, std::move(*text)};
            if (TRY(machine::profiles_of(source)).empty()) return source;
            return error(Errc::Invalid, "profile '{}' names profiles itself; only a machine's definition can", path);
        }
        if (text.error().code != Errc::NotFound) return text.error();
    }
    return error(Errc::NotFound, "no profile '{}' in {}/profiles or {}/profiles", profile, places.etc, places.vendor);
}

Result<> remove_below(const std::string& folder, const std::string& name)
{
    auto parent = open_file(folder, O_PATH | O_DIRECTORY);
    if (!parent) return parent.error().code == Errc::NotFound ? Result<>() : Result<>(parent.error());
    return rootfs::remove_tree(parent->get(), name);
}

constexpr const char* runtime_units = "/run/systemd/system.control";
const std::string definitions_folder = fmt::format("{}/machines", api::etc_folder);

}  // namespace

Result<machine::Spec> parse_definition(const machine::MachineName& name, const std::string& text, const std::string& file,
                                       const kernel::Places& places)
{
    if (text.size() > api::max_definition) return error(Errc::Invalid, "the definition is larger than {} bytes", api::max_definition);
    const machine::Source own{file, text};
    std::vector<std::string> profiles = TRY(machine::profiles_of(own));
    if (!places.default_profile.empty()) profiles.insert(profiles.begin(), places.default_profile);
    std::vector<machine::Source> sources;
    sources.reserve(profiles.size() + 1);
    for (const std::string& profile : profiles) sources.push_back(TRY(read_profile(profile, places)));
    sources.push_back(own);
    machine::Spec spec = TRY(machine::parse_spec(name, sources));
    TRY(machine::check_supported(spec));
    return spec;
}

std::string definition_path(const machine::MachineName& name)
{
    return fmt::format("{}/{}.toml", definitions_folder, name.text());
}

Result<> write_definition(const machine::MachineName& name, const std::string& text)
{
    TRY(make_folders(definitions_folder));
    return replace_file(definition_path(name), text, 0600);
}

Result<> remove_definition(const machine::MachineName& name)
{
    if (::access(definition_path(name).c_str(), F_OK))
        return error(Errc::Denied, "the definition of machine '{}' is the vendor's: mask it with an empty {}", name.text(),
                     definition_path(name));
    TRY(remove_below(definitions_folder, name.text() + ".toml.d"));
    return remove_below(definitions_folder, name.text() + ".toml");
}

std::vector<std::string> list_runtime_properties(const machine::MachineName& name)
{
    constexpr std::string_view prefix = "50-", suffix = ".conf";
    std::vector<std::string> names;
    Handle<DIR, closedir> folder(opendir(fmt::format("{}/{}.d", runtime_units, api::service_name(name)).c_str()));
    while (const dirent* entry = folder ? readdir(folder.get()) : nullptr) {
        std::string_view file = entry->d_name;
        if (!file.starts_with(prefix) || !file.ends_with(suffix)) continue;
        file.remove_prefix(prefix.size());
        file.remove_suffix(suffix.size());
        names.emplace_back(file);
        // The file is named as a setting of unit files: CPUQuota of CPUQuotaPerSecUSec.
        if (auto of_bus = machine::bus_names_of(file)) names.insert(names.end(), of_bus->begin(), of_bus->end());
    }
    return names;
}

Result<> remove_runtime_properties(const machine::MachineName& name)
{
    return remove_below(runtime_units, api::service_name(name) + ".d");
}

void remove_runtime_property(const std::string& unit, const std::string& property)
{
    for (const char* folder : {runtime_units, "/run/systemd/transient"})
        ::unlink(fmt::format("{}/{}.d/50-{}.conf", folder, unit, property).c_str());
}

}  // namespace holm::daemon
