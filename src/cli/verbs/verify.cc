// verify: definitions, networks, profiles and holm.toml as files, with no daemon at all; and whether this host has what they name.
#include <algorithm>
#include <filesystem>
#include <span>

#include "base/fd.h"
#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/output.h"
#include "cli/presence.h"
#include "cli/verbs/verbs.h"
#include "kernel/definition_files.h"
#include "machine/settings.h"
#include "machine/spec_file.h"
#include "network/observe.h"
#include "network/segment.h"

namespace holm::cli::verbs {

namespace {

// What is well written and cannot be had on this host; the definition may be another's.
using Warnings = std::vector<std::string>;

struct Here {
    machine::Settings settings;
    kernel::Places places;
};

Result<Here> read_here()
{
    Here here;
    here.settings = TRY(kernel::read_settings());
    here.places.default_profile = here.settings.defaults.profile;
    return here;
}

Result<Warnings> check(const machine::Spec& spec, const Here& here)
{
    TRY(machine::check_supported(spec));
    return find_absent(spec, here.places, here.settings);
}

// What a file is by its path: NAME.toml.d/*.toml are drop-ins, profiles/*.toml profiles, networks/*.toml networks, all else but holm.toml
// machines.
enum class FileKind { Machine, DropIn, Profile, Network, Settings };

FileKind kind_of_file(const std::filesystem::path& path)
{
    const std::string folder = path.parent_path().filename().string();
    if (path.filename() == "holm.toml") return FileKind::Settings;
    if (folder.ends_with(".toml.d")) return FileKind::DropIn;
    if (folder == "networks") return FileKind::Network;
    return folder == "profiles" ? FileKind::Profile : FileKind::Machine;
}

Result<machine::Source> read_given(const std::filesystem::path& path)
{
    std::string text = TRY(read_file(path.string(), machine::toml_size_limit));
    return machine::Source{path.string(), std::move(text)};
}

Result<Warnings> verify_sources(const machine::MachineName& name, std::vector<machine::Source> own)
{
    const Here here = TRY(read_here());
    const std::vector<machine::Source> sources = TRY(kernel::with_profiles(std::move(own), here.places));
    const machine::Spec spec = TRY(machine::parse_spec(name, sources));
    return check(spec, here);
}

// With the file that it is laid over: the one beside its folder, else the installed one.
Result<Warnings> verify_drop_in(const std::filesystem::path& path)
{
    std::filesystem::path definition = path.parent_path();
    definition.replace_extension();  // .d
    const machine::MachineName name = TRY(machine::parse_name(definition.stem().string()));
    auto under = read_given(definition);
    if (!under && under.error().code == Errc::NotFound) under = read_given(TRY(kernel::find_definition(name)));
    if (!under) return under.error();
    const machine::Source own = TRY(read_given(path));
    return verify_sources(name, {*under, own});
}

// By itself: it need not say what the root is. Where it does not, one is put under it.
Result<Warnings> verify_profile(const std::filesystem::path& path)
{
    const machine::Source profile = TRY(read_given(path));
    if (!TRY(machine::profiles_of(profile)).empty())
        return error(Errc::Invalid, "profile '{}' names profiles itself; only a machine's definition can", printable(profile.file, 4096));
    const machine::TomlValue document = TRY(machine::parse_toml(profile));
    const machine::TomlValue* root = document.find("root");
    const bool says_root = root && (root->find("path") || root->find("image") || root->find("lower"));
    const machine::Source stand_in{"", says_root ? "" : "[root]\npath = \"/\"\n"};
    const machine::MachineName any = TRY(machine::parse_name("machine"));
    const machine::Spec spec = TRY(machine::parse_spec(any, std::vector{stand_in, profile}));
    const Here here = TRY(read_here());
    return check(spec, here);
}

// Beside all others that are installed, and the host's routes.
Result<Warnings> verify_network(const machine::MachineName& name, std::span<const machine::Source> sources, const kernel::Places& where)
{
    const network::Definition definition = TRY(network::parse_definition(name, sources));
    network::HostNetworks host = TRY(network::observe_host());
    for (const network::Definition& other : network::observe_definitions(where))
        if (other.name != name) host.segments.push_back(network::claim_of(other));
    TRY(network::check_claim(definition, host));
    return Warnings();
}

Result<Warnings> verify_installed_network(const machine::MachineName& name, const kernel::Places& where)
{
    const std::vector<machine::Source> sources = TRY(kernel::read_network_sources(name, where));
    return verify_network(name, sources, where);
}

Result<Warnings> verify_file(const std::string& text)
{
    const std::filesystem::path path = text;
    switch (kind_of_file(path)) {
    case FileKind::Settings: {
        const machine::Source source = TRY(read_given(path));
        TRY(machine::parse_settings({&source, 1}));
        return Warnings();
    }
    case FileKind::DropIn: return verify_drop_in(path);
    case FileKind::Profile: return verify_profile(path);
    case FileKind::Network: {
        const machine::Source source = TRY(read_given(path));
        const machine::MachineName name = TRY(machine::parse_name(path.stem().string()));
        const Here here = TRY(read_here());
        return verify_network(name, {&source, 1}, here.places);
    }
    case FileKind::Machine: break;
    }
    const machine::Source source = TRY(read_given(path));
    const machine::MachineName name = TRY(machine::parse_name(path.stem().string()));
    return verify_sources(name, {source});
}

Result<Warnings> verify_installed(const machine::MachineName& name, const Here& here)
{
    const kernel::Definition definition = TRY(kernel::read_definition(name, here.places));
    return check(definition.spec, here);
}

// A file; or, where there is none, the machine of that name.
Result<Warnings> verify_word(const std::string& word)
{
    auto name = machine::parse_name(word);
    std::error_code ignored;
    if (!name || std::filesystem::exists(word, ignored)) return verify_file(word);
    const Here here = TRY(read_here());
    auto found = kernel::find_definition(*name, here.places);
    return found ? verify_installed(*name, here) : verify_file(word);
}

// All profiles, also those that no machine names.
std::vector<std::string> installed_profiles(const kernel::Places& where)
{
    std::vector<std::string> paths;
    for (const std::string& folder : {where.vendor, where.etc}) {
        std::error_code missing;
        for (const auto& entry : std::filesystem::directory_iterator(folder + "/profiles", missing))
            if (entry.path().extension() == ".toml") paths.push_back(entry.path().string());
    }
    std::ranges::sort(paths);
    return paths;
}

}  // namespace

// Without files: all that is installed, with profiles, drop-ins and the daemon's own file.
Result<int> verify(const Invocation& call)
{
    int status = exit_done;
    auto judge = [&](const Result<Warnings>& verdict, const std::string& what) {
        if (verdict && call.has("--quiet")) return;
        if (verdict) {
            for (const std::string& warning : *verdict)
                complain(fmt::format("warning: {}", warning.contains(what) ? warning : what + ": " + warning));
            return;
        }
        // The parser's sentence begins with the place; other errors do not say which file.
        complain(verdict.error().text.find(what) == std::string::npos ? what + ": " + verdict.error().text : verdict.error().text);
        status = exit_failed;
    };
    for (const std::string& word : call.operands) judge(verify_word(word), printable(word, 4096));
    if (!call.operands.empty()) return status;

    auto here = read_here();
    if (!here) judge(here.error(), "holm.toml");
    const Here all = here ? *here : Here{};
    for (const machine::MachineName& name : TRY(kernel::list_definitions(all.places))) judge(verify_installed(name, all), name.text());
    for (const machine::MachineName& name : TRY(kernel::list_networks(all.places)))
        judge(verify_installed_network(name, all.places), fmt::format("network '{}'", name.text()));
    for (const std::string& path : installed_profiles(all.places)) judge(verify_profile(path), printable(path, 4096));
    return status;
}

}  // namespace holm::cli::verbs
