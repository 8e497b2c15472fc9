// Catalogue: the machines that have a definition or a record, as their files say now; read again when a file has changed. And those that
// have neither, but an image of their name and the state of a start by it.
// Observes: reads files of holm, and of an image's machine its .nspawn file.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernel/definition_files.h"
#include "machine/name.h"
#include "machine/spec.h"

namespace holm::daemon {

enum class Origin { Definition, Record, Temporary, Image };

// Whether it runs as holm@NAME.service.
constexpr bool is_service(Origin origin)
{
    return origin == Origin::Definition || origin == Origin::Image;
}

struct Known {
    Origin origin = Origin::Definition;
    std::string path;            // of its file; "": it has none (Image)
    Result<machine::Spec> spec;  // or why the file is bad
};

// Of an image's machine: what would be read from its definition, or written there. Invalid.
Error no_definition(const machine::MachineName& name);

class Catalogue {
    struct Look {
        int64_t changed = -1, size = -1;  // st_ctim in nanoseconds, which nobody sets back; bytes; -1: there is none
        uint64_t inode = 0;
        bool operator==(const Look&) const = default;
    };

public:
    // How the folders of definitions looked at a moment. As long as they look so, what was not there is not there.
    class Folders {
        friend class Catalogue;
        std::array<Look, 2> looks_;
        bool settled_ = false;  // their last change is so old that the next one gives another time
        bool operator==(const Folders&) const = default;
    };

    explicit Catalogue(kernel::Places places) : places_(std::move(places)) {}

    const kernel::Places& places() const { return places_; }
    // New settings: everything is read again.
    void reset(kernel::Places places);

    // The machine of this name; null: there is none. Valid until the next call.
    const Known* find(const machine::MachineName& name) { return find(name, look_at_folders()); }
    // The same of many, with one look at the folders before the first.
    const Known* find(const machine::MachineName& name, const Folders& folders);
    Folders look_at_folders() const;
    // Its files were changed: they are read again, whatever their times say.
    void forget(const machine::MachineName& name) { entries_.erase(name); }
    // All of them, sorted.
    std::vector<machine::MachineName> names();
    // " (did you mean 'web'?)", or "".
    std::string did_you_mean(const machine::MachineName& name, const std::vector<machine::MachineName>& others);

private:
    struct Entry {
        Known known;
        std::vector<std::string> sources;  // beside definition_files()
        std::vector<Look> looks;           // of both, behind the read
        int64_t read = 0;                  // when that began: what was changed a moment before may have been changed once more
        Folders folders;                   // of a record, when it was last seen to have no definition
    };
    static Look look(const std::string& path);
    bool is_current(const machine::MachineName& name, Entry& entry, const Folders& folders) const;
    std::vector<Look> look_at(const machine::MachineName& name, const std::vector<std::string>& sources) const;
    std::vector<std::string> definition_files(const machine::MachineName& name) const;
    std::vector<std::string> profile_files(const Result<machine::Spec>& spec) const;
    Result<Entry> read(const machine::MachineName& name);
    Result<Entry> read_definition(const machine::MachineName& name, const std::string& path);

    kernel::Places places_;
    std::map<machine::MachineName, Entry> entries_;
};

}  // namespace holm::daemon
