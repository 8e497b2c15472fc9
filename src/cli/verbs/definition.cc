// create, cat, plan, remove: definitions as holmd has them. verify: files, with no daemon at all.
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <span>

#include "base/fd.h"
#include "base/text.h"
#include "cli/definition.h"
#include "cli/exit_status.h"
#include "cli/output.h"
#include "cli/verbs/verbs.h"
#include "kernel/definition_files.h"
#include "machine/settings.h"
#include "machine/spec_file.h"
#include "network/observe.h"
#include "network/segment.h"

namespace holm::cli::verbs {

namespace {

std::string with_line_end(std::string text)
{
    if (!text.empty() && !text.ends_with('\n')) text += '\n';
    return text;
}

Result<kernel::Places> places()
{
    kernel::Places found;
    found.default_profile = TRY(kernel::read_settings()).defaults.profile;
    return found;
}

// The files of a definition; of a machine without one its record, and of one whose files the caller may not read that file alone:
// these come from holmd. `whole`: with all files or not at all.
Result<std::vector<machine::Source>> sources_of(const Invocation& call, const machine::MachineName& name, bool whole)
{
    auto sources = kernel::read_sources(name, TRY(places()));
    const bool denied = !sources && sources.error().code == Errc::Denied;
    if (denied && whole)
        return error(Errc::Denied, "{}; this is put together from the files themselves, which you must be able to read",
                     sources.error().text);
    if (sources || (!denied && sources.error().code != Errc::NotFound)) return sources;
    auto client = connect(call);
    if (!client) return sources.error();
    auto answer = client->call("ReadDefinition", name.text());
    if (!answer) return answer.error().code == Errc::Unavailable ? sources.error() : answer.error();
    machine::Source record;
    TRY(systemd::read_all_of(answer->get(), record.text, record.file));
    return std::vector<machine::Source>{record};
}

Result<std::string> describe_definition(const Invocation& call, const std::string& text)
{
    const machine::MachineName name = TRY(machine::parse_name(text));
    const bool merged = call.has("--effective") || call.has("--origin");
    std::vector<machine::Source> sources = TRY(sources_of(call, name, merged));
    if (merged) {
        machine::Spec spec = TRY(machine::parse_spec(name, sources));
        for (machine::CredentialSpec& credential : spec.credentials)
            if (!credential.value.empty()) credential.value = "(not shown)";
        std::string text_of_all =
            machine::describe_spec_file(spec, call.has("--origin") ? machine::Origins::Comment : machine::Origins::Leave);
        text_of_all.erase(0, text_of_all.find_first_not_of('\n'));
        return with_line_end(std::move(text_of_all));
    }
    std::string shown;
    for (const machine::Source& source : sources)
        shown += fmt::format("{}# {}\n{}", shown.empty() ? "" : "\n", printable(source.file, 4096), with_line_end(source.text));
    return shown;
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

Result<> verify_sources(const machine::MachineName& name, std::vector<machine::Source> own)
{
    const kernel::Places where = TRY(places());
    const std::vector<machine::Source> sources = TRY(kernel::with_profiles(std::move(own), where));
    const machine::Spec spec = TRY(machine::parse_spec(name, sources));
    return machine::check_supported(spec);
}

// With the file that it is laid over: the one beside its folder, else the installed one.
Result<> verify_drop_in(const std::filesystem::path& path)
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
Result<> verify_profile(const std::filesystem::path& path)
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
    return machine::check_supported(spec);
}

// Beside all others that are installed, and the host's routes.
Result<> verify_network(const machine::MachineName& name, std::span<const machine::Source> sources, const kernel::Places& where)
{
    const network::Definition definition = TRY(network::parse_definition(name, sources));
    network::HostNetworks host = TRY(network::observe_host());
    for (const network::Definition& other : network::observe_definitions(where))
        if (other.name != name) host.segments.push_back(network::claim_of(other));
    return network::check_claim(definition, host);
}

Result<> verify_installed_network(const machine::MachineName& name, const kernel::Places& where)
{
    const std::vector<machine::Source> sources = TRY(kernel::read_network_sources(name, where));
    return verify_network(name, sources, where);
}

Result<> verify_file(const std::string& text)
{
    const std::filesystem::path path = text;
    switch (kind_of_file(path)) {
    case FileKind::Settings: {
        const machine::Source source = TRY(read_given(path));
        TRY(machine::parse_settings({&source, 1}));
        return {};
    }
    case FileKind::DropIn: return verify_drop_in(path);
    case FileKind::Profile: return verify_profile(path);
    case FileKind::Network: {
        const machine::Source source = TRY(read_given(path));
        const machine::MachineName name = TRY(machine::parse_name(path.stem().string()));
        return verify_network(name, {&source, 1}, TRY(places()));
    }
    case FileKind::Machine: break;
    }
    const machine::Source source = TRY(read_given(path));
    const machine::MachineName name = TRY(machine::parse_name(path.stem().string()));
    return verify_sources(name, {source});
}

Result<> verify_installed(const machine::MachineName& name, const kernel::Places& where)
{
    const kernel::Definition definition = TRY(kernel::read_definition(name, where));
    return machine::check_supported(definition.spec);
}

// A file; or, where there is none, the machine of that name.
Result<> verify_word(const std::string& word)
{
    auto name = machine::parse_name(word);
    std::error_code ignored;
    if (!name || std::filesystem::exists(word, ignored)) return verify_file(word);
    const kernel::Places where = TRY(places());
    auto found = kernel::find_definition(*name, where);
    return found ? verify_installed(*name, where) : verify_file(word);
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

Result<int> create(const Invocation& call)
{
    const std::string folder = TRY(working_folder());
    const std::string what = cannot("create", call.operands[0]);
    const OptionsText definition = TRY(definition_of_options(call, folder), what);
    const machine::MachineName name = TRY(machine::parse_name(call.operands[0]), what);
    if (names_root(call)) TRY(parse_with_options(name, {}, definition), what);  // else a profile may say it: holmd judges
    Client client = TRY(connect(call));
    TRY(client.call("CreateMachine", name.text(), definition.text), what);
    return exit_done;
}

Result<int> cat(const Invocation& call)
{
    std::string text;
    auto add = [&](const std::string& name) -> Result<> {
        text += (text.empty() ? "" : "\n") + TRY(describe_definition(call, name), cannot("show the definition of", name));
        return {};
    };
    int status = TRY(for_each_machine(call, add));
    TRY(print_paged(text, call));
    return status;
}

// Without files: all that is installed, with profiles, drop-ins and the daemon's own file.
Result<int> verify(const Invocation& call)
{
    int status = exit_done;
    auto judge = [&](const Result<>& verdict, const std::string& what) {
        if (verdict) return;
        // The parser's sentence begins with the place; other errors do not say which file.
        complain(verdict.error().text.find(what) == std::string::npos ? what + ": " + verdict.error().text : verdict.error().text);
        status = exit_failed;
    };
    for (const std::string& word : call.operands) judge(verify_word(word), printable(word, 4096));
    if (!call.operands.empty()) return status;

    auto where = places();
    if (!where) judge(where.error(), "holm.toml");
    const kernel::Places all = where ? *where : kernel::Places{};
    for (const machine::MachineName& name : TRY(kernel::list_definitions(all))) judge(verify_installed(name, all), name.text());
    for (const machine::MachineName& name : TRY(kernel::list_networks(all)))
        judge(verify_installed_network(name, all), fmt::format("network '{}'", name.text()));
    for (const std::string& path : installed_profiles(all)) judge(verify_profile(path), printable(path, 4096));
    return status;
}

Result<int> remove(const Invocation& call)
{
    Client client = TRY(connect(call));
    return for_each_machine(call, [&](const std::string& name) -> Result<> {
        auto removed = client.call("RemoveMachine", name);
        if (!removed && is_only_image(client, name, removed.error())) removed = client.call_patiently("RemoveImage", name);
        TRY(std::move(removed), cannot("remove", name));
        return {};
    });
}

}  // namespace holm::cli::verbs
