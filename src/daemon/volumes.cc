#include "daemon/volumes.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "base/fd.h"
#include "base/handle.h"
#include "base/log.h"
#include "base/text.h"
#include "base/undo.h"
#include "kernel/project_quota.h"
#include "kernel/subvolume.h"
#include "machine/identifiers.h"
#include "machine/toml_schema.h"
#include "rootfs/remove.h"

namespace holm::daemon {

namespace {

using machine::field;

constexpr const char* volume_file = "/volume.toml";
constexpr const char* data_folder = "/data";
constexpr const char* hidden_prefix = ".";  // of one that is being made or removed: no name begins so

constexpr machine::Field<Volume> fields[] = {
    field<&Volume::created, machine::Integer<uint64_t, 0, INT64_MAX>>("created"),
    field<&Volume::size, machine::Integer<uint64_t, 0, INT64_MAX>>("size"),
    field<&Volume::project, machine::Integer<uint32_t, 0, UINT32_MAX>>("project"),
};

std::string path_of(std::string_view name)
{
    return fmt::format("{}/{}", volumes_folder, name);
}

std::vector<std::string> names_in_store()
{
    std::vector<std::string> names;
    Handle<DIR, ::closedir> folder(::opendir(volumes_folder));
    while (const dirent* entry = folder ? ::readdir(folder.get()) : nullptr) {
        const std::string_view name = entry->d_name;
        if (name != "." && name != "..") names.emplace_back(name);
    }
    std::ranges::sort(names);
    return names;
}

Result<Volume> read_volume(const std::string& name)
{
    const std::string path = path_of(name) + volume_file;
    std::string text = TRY(read_regular_file(path, 4096));
    const auto document = TRY(machine::parse_toml({.file = path, .text = std::move(text)}));
    Volume volume;
    machine::OriginMap origins;
    TRY(read_document(document, volume, fields, origins));
    volume.name = name;
    return volume;
}

Result<> remove_hidden(const std::string& name)
{
    Fd store = TRY(open_file(volumes_folder, O_RDONLY | O_DIRECTORY));
    return rootfs::remove_tree(store.get(), name);
}

Result<> rename_synced(const std::string& from, const std::string& to)
{
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE)) return sys_error("cannot rename '{}'", from);
    Fd store = TRY(open_file(volumes_folder, O_RDONLY | O_DIRECTORY));
    return ::fsync(store.get()) ? Result<>(sys_error("cannot sync '{}'", volumes_folder)) : Result<>();
}

// Its data, with at most `size` bytes in all (0: no bound): on btrfs a subvolume with a quota group, elsewhere a folder with a project.
Result<> make_data(const std::string& folder, uint64_t size, uint32_t& project)
{
    const std::string data = folder + data_folder;
    Fd parent = TRY(open_file(folder, O_RDONLY | O_DIRECTORY));
    const bool grouped = size != 0 && kernel::is_on_btrfs(parent.get());
    if (grouped) TRY(kernel::make_subvolume(parent.get(), data_folder + 1));
    else TRY(make_folders(data, 0755));
    if (size == 0) return {};
    Fd made = TRY(open_file(data, O_RDONLY | O_DIRECTORY));
    if (::fchmod(made.get(), 0755)) return sys_error("cannot set the mode of '{}'", data);
    if (grouped) return kernel::limit_subvolume(made.get(), size);
    project = TRY(kernel::limit_folder(made.get(), size));
    return {};
}

// What its file system keeps of its size goes: at once, or the quota group that this gives when its subvolume has gone; 0: none.
uint64_t forget_size(const Volume& volume, const std::string& data)
{
    auto folder = open_file(data, O_RDONLY | O_DIRECTORY);
    if (!folder || volume.size == 0) return 0;
    if (volume.project != 0) kernel::forget_project(folder->get(), volume.project);
    else if (kernel::is_on_btrfs(folder->get())) return kernel::number_of_subvolume(folder->get()).value_or(0);
    return 0;
}

uint64_t now()
{
    timespec time{};
    ::clock_gettime(CLOCK_REALTIME, &time);
    return static_cast<uint64_t>(time.tv_sec) * 1000000 + static_cast<uint64_t>(time.tv_nsec) / 1000;
}

}  // namespace

Error unknown_volume(const std::string& name)
{
    auto names = names_in_store();
    std::erase_if(names, [](const std::string& other) { return other.starts_with(hidden_prefix); });
    return error(Errc::NotFound, "no volume '{}'{}: 'holmctl volume-create {}' makes it", printable(name), did_you_mean(name, names),
                 printable(name));
}

Result<std::string> find_volume(const std::string& name)
{
    if (!machine::parse_file_name(name) || ::access((path_of(name) + data_folder).c_str(), F_OK)) return unknown_volume(name);
    return path_of(name) + data_folder;
}

Result<> create_volume(const std::string& name, uint64_t size)
{
    TRY(machine::parse_file_name(name));
    TRY(make_folders(volumes_folder, 0700));
    if (::access(path_of(name).c_str(), F_OK) == 0) return error(Errc::Exists, "volume '{}' exists already", name);
    const std::string hidden = fmt::format("{}new-{}-{}", hidden_prefix, ::getpid(), name), folder = path_of(hidden);
    TRY(make_folders(folder, 0700));
    Undo made([&] { std::ignore = remove_hidden(hidden); });
    Volume volume{.name = name, .created = now(), .size = size};
    if (auto data = make_data(folder, size, volume.project); !data)
        return size == 0 ? data : with_context(data.error(), fmt::format("volume '{}' cannot have a size", name));
    machine::TomlWriter writer;
    write_fields(volume, fields, writer);
    TRY(replace_file(folder + volume_file, "# Kept by holm: a volume; its files are in data.\n" + writer.text(), 0600));
    TRY(rename_synced(folder, path_of(name)));
    made.keep();
    return {};
}

Result<> remove_volume(const std::string& name)
{
    if (!machine::parse_file_name(name) || ::access(path_of(name).c_str(), F_OK)) return unknown_volume(name);
    const auto volume = read_volume(name);
    const std::string hidden = fmt::format("{}gone-{}-{}", hidden_prefix, ::getpid(), name);
    TRY(rename_synced(path_of(name), path_of(hidden)));
    Fd store = TRY(open_file(volumes_folder, O_RDONLY | O_DIRECTORY));
    const uint64_t group = volume ? forget_size(*volume, path_of(hidden) + data_folder) : 0;
    TRY(remove_hidden(hidden));
    if (group != 0) kernel::forget_quota_group(store.get(), group);
    return {};
}

Result<std::vector<Volume>> list_volumes()
{
    std::vector<Volume> volumes;
    for (const std::string& name : names_in_store()) {
        if (name.starts_with(hidden_prefix)) continue;
        auto volume = read_volume(name);
        if (volume) volumes.push_back(std::move(*volume));
        else log_warning("{}", volume.error().text);
    }
    return volumes;
}

std::vector<std::string> list_unfinished_volumes()
{
    auto names = names_in_store();
    std::erase_if(names, [](const std::string& name) { return !name.starts_with(hidden_prefix); });
    return names;
}

Result<> remove_unfinished_volumes(const std::vector<std::string>& names)
{
    for (const std::string& name : names) TRY(remove_hidden(name));
    return {};
}

}  // namespace holm::daemon
