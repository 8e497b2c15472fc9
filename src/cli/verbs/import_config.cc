// import-config: files of nspawn, LXC, OCI and compose become definitions.
#include <filesystem>

#include <nlohmann/json.hpp>

#include "base/fd.h"
#include "base/text.h"
#include "cli/definition.h"
#include "cli/exit_status.h"
#include "cli/imports/import.h"
#include "cli/output.h"
#include "cli/verbs/verbs.h"
#include "imports/nspawn.h"
#include "machine/spec_file.h"

namespace holm::cli::verbs {

namespace {

constexpr size_t max_config = 256 << 10;  // bytes

// What the text does not say, the file's place does: X.nspawn, X/config of LXC, the bundle X of a config.json.
machine::MachineName name_of_place(ConfigKind kind, const std::filesystem::path& path)
{
    switch (kind) {
    case ConfigKind::Nspawn: return name_made_of(path.stem().string());
    case ConfigKind::Lxc: return name_made_of(path.filename() == "config" ? path.parent_path().filename().string() : path.stem().string());
    case ConfigKind::Oci:
    case ConfigKind::Compose: return name_made_of(path.parent_path().filename().string());
    }
    return name_made_of("");
}

// The tree that nspawn would take: beside the file, else where machinectl has its own.
void find_root(Imported& imported, const std::filesystem::path& path)
{
    std::error_code missing;
    for (const std::filesystem::path& folder : {path.parent_path(), std::filesystem::path("/var/lib/machines")})
        for (const char* ending : {"", ".raw"}) {
            const std::filesystem::path root = folder / (path.stem().string() + ending);
            if (imported.spec.root.path.empty() && std::filesystem::exists(root, missing)) imported.spec.root.path = root.string();
        }
    if (imported.spec.root.path.empty()) imported.spec.root.image = imported.spec.name.text();
}

Result<std::vector<Imported>> read_config(const Invocation& call, const std::filesystem::path& path)
{
    const std::string text = TRY(read_file(path.string(), max_config));
    const ConfigKind kind = kind_of_config(path.filename().string(), text);
    std::vector<Imported> all;
    switch (kind) {
    case ConfigKind::Nspawn: all.push_back(TRY(imports::import_nspawn(text))); break;
    case ConfigKind::Lxc: all.push_back(TRY(import_lxc(text))); break;
    case ConfigKind::Oci: all.push_back(TRY(cli::import_oci(text, path.parent_path().string()))); break;
    case ConfigKind::Compose: all = TRY(import_compose(text, path.parent_path().string())); break;
    }
    if (call.has("--name") && all.size() > 1) return error(Errc::Invalid, "--name= is for one machine, and this file has {}", all.size());
    for (Imported& imported : all) {
        machine::Spec& spec = imported.spec;
        if (call.has("--name")) spec.name = TRY(machine::parse_name(call.value("--name")));
        else if (spec.name.text().empty()) spec.name = name_of_place(kind, path);
        if (call.has("--root")) spec.root = {.path = absolute_path(call.value("--root"), TRY(working_folder())), .mode = spec.root.mode};
        else if (kind == ConfigKind::Nspawn) find_root(imported, path);
    }
    return all;
}

void say_dropped(const Imported& imported)
{
    for (const Dropped& dropped : imported.dropped)
        complain(fmt::format("'{}': dropped {}: {}", imported.spec.name.text(), dropped.setting, dropped.reason));
}

Result<> print_as_json(const Invocation& call, const std::vector<Imported>& all)
{
    auto list = nlohmann::ordered_json::array();
    for (const Imported& imported : all) {
        auto dropped = nlohmann::ordered_json::array();
        for (auto& [setting, reason] : imported.dropped) dropped.push_back({{"setting", setting}, {"reason", reason}});
        list.push_back({{"machine", imported.spec.name.text()},
                        {"definition", machine::describe_spec_file(imported.spec)},
                        {"dropped", std::move(dropped)}});
    }
    using Json = nlohmann::ordered_json;
    return print(list.dump(call.json == JsonStyle::Pretty ? 2 : -1, ' ', false, Json::error_handler_t::replace) + "\n");
}

Result<int> create_all(const Invocation& call, const std::vector<Imported>& all)
{
    int status = exit_done;
    Client client = TRY(connect(call));
    for (const Imported& imported : all) {
        const std::string& name = imported.spec.name.text();
        auto created = client.call("CreateMachine", name, machine::describe_spec_file(imported.spec));
        if (!created) {
            complain(cannot("create", name) + ": " + created.error().text);
            status = exit_failed;
        } else if (call.json == JsonStyle::Off && !call.has("--quiet")) TRY(print(fmt::format("/etc/holm/machines/{}.toml\n", name)));
    }
    return status;
}

}  // namespace

Result<int> import_config(const Invocation& call)
{
    const std::string what = fmt::format("cannot import '{}'", printable(call.operands[0]));
    const std::filesystem::path path = absolute_path(call.operands[0], TRY(working_folder()));
    const std::vector<Imported> all = TRY(read_config(call, path), what);
    if (call.json != JsonStyle::Off) TRY(print_as_json(call, all));
    else
        for (const Imported& imported : all) say_dropped(imported);
    if (!call.has("--print")) return create_all(call, all);
    for (const Imported& imported : all)
        if (call.json == JsonStyle::Off)
            TRY(print(fmt::format("{}# {}.toml\n{}", &imported == &all.front() ? "" : "\n", imported.spec.name.text(),
                                  machine::describe_spec_file(imported.spec))));
    return exit_done;
}

}  // namespace holm::cli::verbs
