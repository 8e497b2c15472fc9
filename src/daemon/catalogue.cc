#include "daemon/catalogue.h"

#include <sys/stat.h>

#include <algorithm>
#include <ctime>

#include "base/log.h"
#include "base/text.h"
#include "daemon/definitions.h"
#include "daemon/records.h"

namespace holm::daemon {

namespace {

constexpr int64_t second = 1'000'000'000;

}  // namespace

Catalogue::Look Catalogue::look(const std::string& path)
{
    struct stat status;
    if (::stat(path.c_str(), &status)) return {};
    return {.mtime = status.st_mtim.tv_sec * second + status.st_mtim.tv_nsec, .size = status.st_size, .inode = status.st_ino};
}

std::vector<Catalogue::Look> Catalogue::look_at(const machine::MachineName& name, const std::vector<std::string>& sources) const
{
    std::vector<Look> looks;
    for (const std::string& path : definition_files(name)) looks.push_back(look(path));
    for (const std::string& path : sources) looks.push_back(look(path));
    return looks;
}

Catalogue::Folders Catalogue::look_at_folders() const
{
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    Folders folders;
    folders.settled_ = true;
    for (size_t i = 0; i < folders.looks_.size(); ++i) {
        folders.looks_[i] = look(fmt::format("{}{}/machines", places_.prefix, i == 0 ? places_.etc : places_.vendor));
        folders.settled_ = folders.settled_ && folders.looks_[i].mtime < (now.tv_sec - 1) * second;
    }
    return folders;
}

// Of a record, the files of a definition are those that are not there.
bool Catalogue::is_current(const machine::MachineName& name, Entry& entry, const Folders& folders) const
{
    if (entry.known.origin != Origin::Definition && entry.folders.settled_ && entry.folders == folders)
        return look(entry.sources.front()) == entry.looks.back();
    if (look_at(name, entry.sources) != entry.looks) return false;
    entry.folders = folders;
    return true;
}

void Catalogue::reset(kernel::Places places)
{
    places_ = std::move(places);
    entries_.clear();
}

// Where a definition or a drop-in can be added or removed.
std::vector<std::string> Catalogue::definition_files(const machine::MachineName& name) const
{
    std::vector<std::string> paths;
    for (const std::string& folder : {places_.etc, places_.vendor}) {
        paths.push_back(fmt::format("{}{}/machines/{}.toml", places_.prefix, folder, name.text()));
        paths.push_back(paths.back() + ".d");
    }
    return paths;
}

Result<Catalogue::Entry> Catalogue::read_definition(const machine::MachineName& name, const std::string& path)
{
    auto definition = kernel::read_definition(name, places_);
    if (!definition)
        return Entry{.known = {Origin::Definition, path, definition.error()}, .sources = {}, .looks = look_at(name, {}), .folders = {}};
    const auto watched = definition_files(name);
    std::vector<std::string> sources;
    for (const machine::Source& source : definition->sources)
        if (std::ranges::find(watched, source.file) == watched.end()) sources.push_back(source.file);
    auto looks = look_at(name, sources);
    return Entry{.known = {Origin::Definition, path, std::move(definition->spec)},
                 .sources = std::move(sources),
                 .looks = std::move(looks),
                 .folders = {}};
}

// A definition comes before a record: it was written later, by a person.
Result<Catalogue::Entry> Catalogue::read(const machine::MachineName& name)
{
    if (auto path = kernel::find_definition(name, places_)) return read_definition(name, *path);
    auto record = TRY(read_record(name));
    Origin origin = record.life == RecordLife::Kept ? Origin::Record : Origin::Temporary;
    return Entry{.known = {origin, record.path, parse_definition(name, record.definition, record.path, places_)},
                 .sources = {record.path},
                 .looks = look_at(name, {record.path}),
                 .folders = {}};
}

const Known* Catalogue::find(const machine::MachineName& name, const Folders& folders)
{
    auto old = entries_.find(name);
    if (old != entries_.end() && is_current(name, old->second, folders)) return &old->second.known;
    auto entry = read(name);
    if (!entry) {
        if (old != entries_.end()) entries_.erase(old);
        return nullptr;
    }
    return &entries_.insert_or_assign(name, std::move(*entry)).first->second.known;
}

std::vector<machine::MachineName> Catalogue::names()
{
    auto names = list_records();
    auto defined = kernel::list_definitions(places_);
    if (defined) names.insert(names.end(), defined->begin(), defined->end());
    else log_warning("cannot list the definitions: {}", defined.error().text);
    std::ranges::sort(names);
    names.erase(std::ranges::unique(names).begin(), names.end());
    return names;
}

std::string Catalogue::did_you_mean(const machine::MachineName& name, const std::vector<machine::MachineName>& others)
{
    std::vector<std::string> candidates;
    for (auto& known : names()) candidates.push_back(known.text());
    for (auto& other : others) candidates.push_back(other.text());
    return holm::did_you_mean(name.text(), candidates);
}

}  // namespace holm::daemon
