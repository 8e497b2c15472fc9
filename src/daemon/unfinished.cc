#include "daemon/unfinished.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "api/names.h"
#include "base/fd.h"
#include "base/folder.h"
#include "base/handle.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/machine_files.h"
#include "rootfs/history.h"
#include "rootfs/plan.h"
#include "rootfs/remove.h"
#include "rootfs/seal.h"

namespace holm::daemon {

namespace {

std::vector<std::string> all_names_in(const char* path)
{
    std::vector<std::string> names;
    Handle<DIR, ::closedir> folder(::opendir(path));
    while (const dirent* entry = folder ? ::readdir(folder.get()) : nullptr) names.emplace_back(entry->d_name);
    return names;
}

// A sealing of its upper that was cut off; layers that nobody needs, of a rollback, a commit or a removal that was.
void settle(const std::string& machine)
{
    const rootfs::UpperPlace place{.upper = rootfs::Upper::Directory,
                                   .path = fmt::format("{}/{}/upper", api::state_machines_folder, machine),
                                   .work = "",
                                   .ours = true};
    const auto history = rootfs::settle_history(place);
    const Result<> settled = history ? rootfs::set_unused_aside(place, *history) : Result<>(history.error());
    if (!settled) log_error("machine '{}': {}", machine, settled.error().text);
}

// Of replace_file(): the definitions that holmd writes, and their drop-ins. What lies in a machine's own folder is written over.
void remove_half_written(const std::string& folder)
{
    const std::string suffix = ".toml.new";
    for (const std::string& name : all_names_in(folder.c_str())) {
        const std::string path = fmt::format("{}/{}", folder, name);
        if (name.ends_with(".toml.d")) remove_half_written(path);
        if (name.ends_with(suffix) && ::unlink(path.c_str())) log_error("cannot remove '{}'", printable(path));
    }
}

}  // namespace

void finish_changes()
{
    for (const char* kind : {"machines", "networks"}) remove_half_written(fmt::format("{}/{}", api::etc_folder, kind));
    for (const std::string& folder : all_names_in(api::state_machines_folder)) {
        if (machine::parse_name(folder)) settle(folder);
        if (!exists(fmt::format("{}/{}{}", api::state_machines_folder, folder, renaming_file))) continue;
        log_info("machine '{}': its renaming is brought to its end", printable(folder));
        if (auto finished = finish_renaming(folder); !finished)
            log_error("{}/{}: its renaming cannot be finished: {}", api::state_machines_folder, printable(folder), finished.error().text);
    }
}

std::vector<std::string> list_unfinished()
{
    std::vector<std::string> unfinished;
    for (const std::string& machine : all_names_in(api::state_machines_folder)) {
        if (machine.starts_with(new_prefix)) unfinished.push_back(machine);
        if (!machine::parse_name(machine)) continue;
        for (std::string& layer : rootfs::list_unfinished_layers(fmt::format("{}/{}/layers", api::state_machines_folder, machine)))
            unfinished.push_back(fmt::format("{}/layers/{}", machine, layer));
    }
    return unfinished;
}

Result<> remove_unfinished(const std::vector<std::string>& names)
{
    for (const std::string& name : names) {
        const std::string path = fmt::format("{}/{}", api::state_machines_folder, name);
        const size_t slash = path.rfind('/');
        auto parent = open_file(path.substr(0, slash), O_PATH | O_DIRECTORY);
        if (!parent && parent.error().sys_errno == ENOENT) continue;
        if (!parent) return parent.error();
        TRY(rootfs::remove_tree(parent->get(), path.substr(slash + 1)));
    }
    return {};
}

}  // namespace holm::daemon
