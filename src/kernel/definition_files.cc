#include "kernel/definition_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/fd.h"
#include "base/handle.h"
#include "base/text.h"
#include "kernel/path.h"

namespace holm::kernel {

using machine::MachineName;
using machine::Source;

namespace {

constexpr std::string_view suffix = ".toml";
constexpr size_t most_drop_ins = 256;
constexpr std::string_view machines = "machines", networks = "networks";  // folders of definitions

// The folders that may hold a file, the one that wins first.
std::vector<std::string> folders_of(const Places& places, std::string_view inner)
{
    return {fmt::format("{}{}{}", places.prefix, places.etc, inner), fmt::format("{}{}{}", places.prefix, places.vendor, inner)};
}

bool is_link(const std::string& path)
{
    struct stat status;
    return !::lstat(path.c_str(), &status) && S_ISLNK(status.st_mode);
}

// A file that may be missing. A fifo or device in its place is refused, not waited for; so is a link to nothing.
Result<std::optional<Source>> read_source(const std::string& path)
{
    auto fd = open_file(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!fd && is_link(path)) return error(Errc::Invalid, "'{}' is a link that leads to no file: {}", path, strerror(fd.error().sys_errno));
    if (!fd && (fd.error().sys_errno == ENOENT || fd.error().sys_errno == ENOTDIR)) return std::optional<Source>();
    if (!fd) return fd.error();
    std::string text = TRY(read_regular(fd->get(), path, machine::toml_size_limit));
    return std::optional(Source{path, std::move(text)});
}

// The first of the places that has the file.
Result<std::optional<Source>> read_first(const std::vector<std::string>& folders, const std::string& file)
{
    for (const std::string& folder : folders)
        if (auto source = TRY(read_source(fmt::format("{}/{}", folder, file)))) return source;
    return std::optional<Source>();
}

// The names in a folder that end in ".toml", without it; none where the folder is missing.
Result<std::vector<std::string>> list_folder(const std::string& path)
{
    std::vector<std::string> names;
    Handle<DIR, ::closedir> folder(::opendir(path.c_str()));
    if (!folder && (errno == ENOENT || errno == ENOTDIR)) return names;
    if (!folder) return sys_error("cannot read folder '{}'", path);
    errno = 0;
    while (const dirent* entry = ::readdir(folder.get())) {
        std::string_view name = entry->d_name;
        if (name.size() > suffix.size() && name[0] != '.' && name.ends_with(suffix))
            names.emplace_back(name.substr(0, name.size() - suffix.size()));
    }
    if (errno != 0) return sys_error("cannot read folder '{}'", path);
    return names;
}

// Drop-ins of both folders in the order of their names; one of /etc masks the vendor's of the same name.
Result<std::vector<Source>> read_drop_ins(const Places& places, std::string_view kind, const std::string& file)
{
    std::map<std::string, std::string> paths;
    for (const std::string& folder : folders_of(places, fmt::format("/{}/{}.d", kind, file)))
        for (const std::string& name : TRY(list_folder(folder))) paths.emplace(name, fmt::format("{}/{}{}", folder, name, suffix));
    if (paths.size() > most_drop_ins) return error(Errc::Invalid, "'{}' has more than {} drop-ins", file, most_drop_ins);
    std::vector<Source> sources;
    for (const auto& [name, path] : paths)
        if (auto source = TRY(read_source(path))) sources.push_back(std::move(*source));
    return sources;
}

Result<Source> read_profile(const Places& places, const std::string& name, const std::string& wanted_by)
{
    const auto folders = folders_of(places, "/profiles");
    auto source = TRY(read_first(folders, fmt::format("{}{}", name, suffix)));
    if (!source) {
        std::vector<std::string> known;
        for (const std::string& folder : folders) std::ranges::move(TRY(list_folder(folder)), std::back_inserter(known));
        return error(Errc::NotFound, "there is no profile '{}'{}, which {} names; looked in {}", name, did_you_mean(name, known), wanted_by,
                     fmt::join(folders, " and "));
    }
    if (!TRY(machine::profiles_of(*source)).empty())
        return error(Errc::Invalid, "profile '{}' names profiles itself; only a machine's definition can", source->file);
    return *source;
}

Result<std::vector<MachineName>> list_kind(const Places& places, std::string_view kind)
{
    std::set<MachineName> names;
    for (const std::string& folder : folders_of(places, fmt::format("/{}", kind)))
        for (const std::string& text : TRY(list_folder(folder)))
            if (auto name = machine::parse_name(text)) names.insert(*name);
    return std::vector<MachineName>(names.begin(), names.end());
}

Error no_definition(const MachineName& name, const Places& places, std::string_view kind)
{
    std::vector<std::string> known;
    if (auto all = list_kind(places, kind))
        for (const MachineName& other : *all) known.push_back(other.text());
    return error(Errc::NotFound, "{} '{}' has no definition{}; looked in {}", kind == machines ? "machine" : "network", name.text(),
                 did_you_mean(name.text(), known), fmt::join(folders_of(places, fmt::format("/{}", kind)), " and "));
}

Result<std::string> find_kind(const MachineName& name, const Places& places, std::string_view kind)
{
    for (const std::string& folder : folders_of(places, fmt::format("/{}", kind))) {
        const std::string path = fmt::format("{}/{}{}", folder, name.text(), suffix);
        if (open_file(path, O_PATH | O_NOFOLLOW)) return path;
    }
    return no_definition(name, places, kind);
}

// NAME.toml and its drop-ins.
Result<std::vector<Source>> read_own(const MachineName& name, const Places& places, std::string_view kind)
{
    const std::string file = fmt::format("{}{}", name.text(), suffix);
    auto definition = TRY(read_first(folders_of(places, fmt::format("/{}", kind)), file));
    if (!definition) return no_definition(name, places, kind);
    std::vector<Source> own = {std::move(*definition)};
    std::ranges::move(TRY(read_drop_ins(places, kind, file)), std::back_inserter(own));
    return own;
}

}  // namespace

Result<std::vector<Source>> with_profiles(std::vector<Source> own, const Places& places)
{
    // a list replaces the one before it: the last source that names profiles counts
    std::vector<std::string> profiles;
    std::string wanted_by;
    for (const Source& source : own)
        if (auto named = TRY(machine::profiles_of(source)); !named.empty())
            profiles = std::move(named), wanted_by = source.file.empty() ? "the definition" : source.file;

    std::vector<Source> sources;
    if (!places.default_profile.empty()) sources.push_back(TRY(read_profile(places, places.default_profile, "holm.toml")));
    for (const std::string& profile : profiles) sources.push_back(TRY(read_profile(places, profile, wanted_by)));
    std::ranges::move(own, std::back_inserter(sources));
    return sources;
}

Result<std::vector<Source>> read_sources(const MachineName& name, const Places& places)
{
    return with_profiles(TRY(read_own(name, places, machines)), places);
}

Result<Definition> read_definition(const MachineName& name, const Places& places)
{
    Definition definition{.spec = {}, .sources = TRY(read_sources(name, places))};
    definition.spec = TRY(machine::parse_spec(name, definition.sources));
    return definition;
}

Result<std::string> find_definition(const MachineName& name, const Places& places)
{
    return find_kind(name, places, machines);
}

Result<std::vector<MachineName>> list_definitions(const Places& places)
{
    return list_kind(places, machines);
}

Result<std::string> find_network(const MachineName& name, const Places& places)
{
    return find_kind(name, places, networks);
}

Result<std::vector<Source>> read_network_sources(const MachineName& name, const Places& places)
{
    return read_own(name, places, networks);
}

Result<std::vector<MachineName>> list_networks(const Places& places)
{
    return list_kind(places, networks);
}

Result<machine::Settings> read_settings(const Places& places)
{
    auto folders = folders_of(places, "");
    std::ranges::reverse(folders);  // the vendor's first: each is laid over the one before it
    std::vector<Source> sources;
    for (const std::string& folder : folders)
        if (auto source = TRY(read_source(folder + "/holm.toml"))) sources.push_back(std::move(*source));
    return machine::parse_settings(sources);
}

}  // namespace holm::kernel
