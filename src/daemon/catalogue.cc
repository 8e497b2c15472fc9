#include "daemon/catalogue.h"

#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <span>

#include "base/log.h"
#include "base/text.h"
#include "daemon/definitions.h"
#include "daemon/image_spec.h"
#include "daemon/records.h"

namespace holm::daemon {

namespace {

constexpr int64_t second = 1'000'000'000;

int64_t now()
{
    timespec time{};
    ::clock_gettime(CLOCK_REALTIME, &time);
    return time.tv_sec * second + time.tv_nsec;
}

}  // namespace

Error no_definition(const machine::MachineName& name)
{
    return error(Errc::Invalid,
                 "machine '{0}' has no definition, it is the image '{0}' with all defaults: 'holmctl create {0} --image={0} --boot' gives "
                 "it one",
                 name.text());
}

Catalogue::Look Catalogue::look(const std::string& path)
{
    struct stat status;
    if (::stat(path.c_str(), &status)) return {};
    return {.changed = status.st_ctim.tv_sec * second + status.st_ctim.tv_nsec, .size = status.st_size, .inode = status.st_ino};
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
    const int64_t settled = now() - second;
    Folders folders;
    folders.settled_ = true;
    for (size_t i = 0; i < folders.looks_.size(); ++i) {
        folders.looks_[i] = look(fmt::format("{}{}/machines", places_.prefix, i == 0 ? places_.etc : places_.vendor));
        folders.settled_ = folders.settled_ && folders.looks_[i].changed < settled;
    }
    return folders;
}

// Of a record, the files of a definition are those that are not there. What could not be read is read again: what was missing for it may
// be anywhere; and an image has many places.
bool Catalogue::is_current(const machine::MachineName& name, Entry& entry, const Folders& folders) const
{
    if (!entry.known.spec || entry.known.origin == Origin::Image ||
        std::ranges::any_of(entry.looks, [&](const Look& seen) { return seen.changed >= entry.read - second; }))
        return false;
    if (entry.known.origin != Origin::Definition && entry.folders.settled_ && entry.folders == folders)
        return std::ranges::equal(entry.sources, std::span(entry.looks).subspan(entry.looks.size() - entry.sources.size()), {}, look);
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

// Wherever a profile of these names can be: another one may come before the one that was read.
std::vector<std::string> Catalogue::profile_files(const Result<machine::Spec>& spec) const
{
    std::vector<std::string> paths, profiles = spec ? spec->profiles : std::vector<std::string>();
    if (!places_.default_profile.empty()) profiles.push_back(places_.default_profile);
    for (const std::string& folder : {places_.etc, places_.vendor})
        for (const std::string& profile : profiles) paths.push_back(fmt::format("{}{}/profiles/{}.toml", places_.prefix, folder, profile));
    return paths;
}

Result<Catalogue::Entry> Catalogue::read_definition(const machine::MachineName& name, const std::string& path)
{
    Entry entry{.known = {Origin::Definition, path, error(Errc::Failed, "")}, .sources = {}, .looks = {}, .read = now(), .folders = {}};
    auto definition = kernel::read_definition(name, places_);
    if (!definition) {
        entry.known.spec = definition.error();
        return entry;
    }
    entry.known.spec = std::move(definition->spec);
    entry.sources = profile_files(entry.known.spec);
    auto watched = definition_files(name);
    watched.insert(watched.end(), entry.sources.begin(), entry.sources.end());
    for (const machine::Source& source : definition->sources)
        if (std::ranges::find(watched, source.file) == watched.end()) entry.sources.push_back(source.file);
    entry.looks = look_at(name, entry.sources);
    return entry;
}

// A definition comes before a record: it was written later, by a person. Either comes before an image.
Result<Catalogue::Entry> Catalogue::read(const machine::MachineName& name)
{
    if (auto path = kernel::find_definition(name, places_)) return read_definition(name, *path);
    if (is_started_image(name))
        return Entry{.known = {Origin::Image, "", spec_of_started_image(name)}, .sources = {}, .looks = {}, .read = now(), .folders = {}};
    const int64_t begun = now();
    auto record = TRY(read_record(name));
    Origin origin = record.life == RecordLife::Kept ? Origin::Record : Origin::Temporary;
    Entry entry{.known = {origin, record.path, parse_definition(name, record.definition, record.path, places_)},
                .sources = {},
                .looks = {},
                .read = begun,
                .folders = {}};
    entry.sources = profile_files(entry.known.spec);
    entry.sources.push_back(record.path);
    entry.looks = look_at(name, entry.sources);
    return entry;
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
    const auto with_files = static_cast<ptrdiff_t>(names.size());
    for (machine::MachineName& name : list_states())
        if (!std::binary_search(names.begin(), names.begin() + with_files, name) && is_started_image(name))
            names.push_back(std::move(name));
    std::ranges::inplace_merge(names, names.begin() + with_files);
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
