#include "daemon/catalogue.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "daemon/definitions.h"
#include "daemon/records.h"

namespace holm::daemon {

namespace {

std::tuple<std::string, int64_t, int64_t> look(const std::string& path)
{
    struct stat status;
    if (::stat(path.c_str(), &status)) return {path, -1, -1};
    return {path, status.st_mtim.tv_sec * 1000000000LL + status.st_mtim.tv_nsec, status.st_size};
}

}  // namespace

Catalogue::Stamp Catalogue::stamp_of(const std::vector<std::string>& paths)
{
    Stamp stamp;
    for (const std::string& path : paths) stamp.push_back(look(path));
    return stamp;
}

bool Catalogue::is_current(const Stamp& stamp)
{
    return std::ranges::all_of(stamp, [](const auto& seen) { return look(std::get<0>(seen)) == seen; });
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
    std::vector<std::string> watched = definition_files(name);
    auto definition = kernel::read_definition(name, places_);
    if (!definition) return Entry{{Origin::Definition, path, definition.error()}, stamp_of(watched)};
    for (const machine::Source& source : definition->sources)
        if (std::ranges::find(watched, source.file) == watched.end()) watched.push_back(source.file);
    return Entry{{Origin::Definition, path, std::move(definition->spec)}, stamp_of(watched)};
}

// A definition comes before a record: it was written later, by a person.
Result<Catalogue::Entry> Catalogue::read(const machine::MachineName& name)
{
    if (auto path = kernel::find_definition(name, places_)) return read_definition(name, *path);
    auto record = TRY(read_record(name));
    Origin origin = record.life == RecordLife::Kept ? Origin::Record : Origin::Temporary;
    auto watched = definition_files(name);
    watched.push_back(record.path);
    return Entry{{origin, record.path, parse_definition(name, record.definition, record.path, places_)}, stamp_of(watched)};
}

const Known* Catalogue::find(const machine::MachineName& name)
{
    auto old = entries_.find(name);
    if (old != entries_.end() && is_current(old->second.stamp)) return &old->second.known;
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
