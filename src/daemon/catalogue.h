// Catalogue: the machines that have a definition or a record, as their files say now; read again when a file has changed.
// Reads files of holm alone.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "kernel/definition_files.h"
#include "machine/name.h"
#include "machine/spec.h"

namespace holm::daemon {

enum class Origin { Definition, Record, Temporary };

struct Known {
    Origin origin = Origin::Definition;
    std::string path;            // of its file
    Result<machine::Spec> spec;  // or why the file is bad
};

class Catalogue {
public:
    explicit Catalogue(kernel::Places places) : places_(std::move(places)) {}

    const kernel::Places& places() const { return places_; }
    // New settings: everything is read again.
    void reset(kernel::Places places);

    // The machine of this name; null: it has neither. Valid until the next call.
    const Known* find(const machine::MachineName& name);
    // Its files were changed: they are read again, whatever their times say.
    void forget(const machine::MachineName& name) { entries_.erase(name); }
    // All that have either, sorted.
    std::vector<machine::MachineName> names();
    // " (did you mean 'web'?)", or "".
    std::string did_you_mean(const machine::MachineName& name, const std::vector<machine::MachineName>& others);

private:
    // Which files made an entry, and how they looked then: path, mtime, size.
    using Stamp = std::vector<std::tuple<std::string, int64_t, int64_t>>;
    struct Entry {
        Known known;
        Stamp stamp;
    };
    static Stamp stamp_of(const std::vector<std::string>& paths);
    static bool is_current(const Stamp& stamp);
    std::vector<std::string> definition_files(const machine::MachineName& name) const;
    Result<Entry> read(const machine::MachineName& name);
    Result<Entry> read_definition(const machine::MachineName& name, const std::string& path);

    kernel::Places places_;
    std::map<machine::MachineName, Entry> entries_;
};

}  // namespace holm::daemon
