#include "daemon/records.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "api/limits.h"
#include "api/names.h"
#include "base/fd.h"
#include "base/folder.h"
#include "base/handle.h"
#include "base/log.h"

namespace holm::daemon {

namespace {

constexpr const char* record_file = "/record.toml";
constexpr const char* last_run_file = "/last-run";

std::vector<machine::MachineName> machines_with(const char* file)
{
    std::vector<machine::MachineName> names;
    Handle<DIR, ::closedir> folder(::opendir(api::state_machines_folder));
    if (!folder) return names;
    while (const dirent* entry = ::readdir(folder.get())) {
        auto name = machine::parse_name(entry->d_name);
        if (name && exists(api::state_path(*name) + file)) names.push_back(std::move(*name));
    }
    std::ranges::sort(names);
    return names;
}

}  // namespace

std::optional<std::string> find_record(const machine::MachineName& name)
{
    for (const std::string& folder : {api::runtime_path(name), api::state_path(name)})
        if (exists(folder + record_file)) return folder + record_file;
    return {};
}

Result<RecordFile> read_record(const machine::MachineName& name)
{
    auto path = find_record(name);
    if (!path) return error(Errc::NotFound, "machine '{}' has no record", name.text());
    RecordLife life = path->starts_with(api::runtime_folder) ? RecordLife::Temporary : RecordLife::Kept;
    std::string text = TRY(read_regular_file(*path, api::max_definition));
    return RecordFile{life, *path, std::move(text)};
}

Result<> write_record(const machine::MachineName& name, RecordLife life, const std::string& definition)
{
    TRY(make_folders(api::state_machines_folder, 0700));
    TRY(make_folders(api::state_path(name), 0700));
    Fd mark = TRY(open_file(api::state_path(name) + mark_file, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600));
    if (life == RecordLife::Kept) return replace_file(api::state_path(name) + record_file, definition, 0600);
    TRY(make_folders(api::runtime_path(name), 0700));
    return replace_file(api::runtime_path(name) + record_file, definition, 0600);
}

// Synced: a mark that came back after a power cut would take the machine with it.
Result<> unmark_record(const machine::MachineName& name)
{
    const std::string folder = api::state_path(name);
    if (::unlink((folder + mark_file).c_str())) return errno == ENOENT ? Result<>() : sys_error("cannot remove '{}{}'", folder, mark_file);
    Fd directory = TRY(open_file(folder, O_RDONLY | O_DIRECTORY));
    if (::fsync(directory.get())) return sys_error("cannot sync '{}'", folder);
    return {};
}

bool is_marked(const machine::MachineName& name)
{
    return exists(api::state_path(name) + mark_file);
}

bool has_state(const machine::MachineName& name)
{
    return exists(api::state_path(name));
}

std::vector<machine::MachineName> list_states()
{
    return machines_with("");
}
std::vector<machine::MachineName> list_records()
{
    return machines_with(record_file);
}
std::vector<machine::MachineName> list_marked()
{
    return machines_with(mark_file);
}

uint64_t written_at(const std::string& path)
{
    struct stat status;
    if (::stat(path.c_str(), &status)) return 0;
    return static_cast<uint64_t>(status.st_mtim.tv_sec) * 1000000 + static_cast<uint64_t>(status.st_mtim.tv_nsec) / 1000;
}

std::optional<LastRun> read_last_run(const machine::MachineName& name)
{
    auto text = read_regular_file(api::state_path(name) + last_run_file, max_outcome);
    if (!text) return {};
    auto outcome = parse_outcome(*text);
    if (!outcome) return {};
    return LastRun{std::move(*outcome), text->find("failed=1\n") != text->npos};
}

// Not synced: what a power cut takes away is a word about the past.
void write_last_run(const machine::MachineName& name, const LastRun& last)
{
    if (!exists(api::state_path(name))) return;
    const std::string path = api::state_path(name) + last_run_file;
    auto write = [&]() -> Result<> {
        Fd file = TRY(open_file(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK, 0600));
        return write_all(file.get(), describe_outcome(last.outcome) + (last.failed ? "failed=1\n" : ""));
    };
    if (auto written = write(); !written) log_warning("machine '{}': {}: {}", name.text(), path, written.error().text);
}

}  // namespace holm::daemon
