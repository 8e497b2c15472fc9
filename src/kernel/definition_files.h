// Definitions, profiles and holm.toml on disk: which files make up a machine, and what they say. Observes; outside.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "machine/settings.h"
#include "machine/spec.h"
#include "machine/spec_file.h"

namespace holm::kernel {

// Where to look; the tests' prefix stands before both.
struct Places {
    std::string prefix;
    std::string etc = "/etc/holm";  // wins
    std::string vendor = "/usr/lib/holm";
    std::string default_profile;  // Settings::defaults.profile; "" = none
};

struct Definition {
    machine::Spec spec;
    std::vector<machine::Source> sources;  // in the order in which they were merged
};

// The sources of a machine in the order of merging: default profile, profiles, NAME.toml, its drop-ins by name. A file of
// /etc masks one of the same name of /usr/lib. Errors: NotFound (with the nearest name and the places), Invalid.
Result<std::vector<machine::Source>> read_sources(const machine::MachineName& name, const Places& places = {});

// The sources of a machine whose own are in `own`, its file and then drop-ins: profiles before them, as they name them.
// Errors: NotFound (a profile), Invalid.
Result<std::vector<machine::Source>> with_profiles(std::vector<machine::Source> own, const Places& places = {});

// The same as read_sources, parsed. Errors: also those of machine::parse_spec.
Result<Definition> read_definition(const machine::MachineName& name, const Places& places = {});

// The path of NAME.toml that counts. Errors: NotFound.
Result<std::string> find_definition(const machine::MachineName& name, const Places& places = {});

// The names of all definitions, sorted; files that are no valid machine name are left out.
Result<std::vector<machine::MachineName>> list_definitions(const Places& places = {});

// The same of networks: NAME.toml and its drop-ins in the order of merging; its path; the names of all. Errors: NotFound, Invalid.
Result<std::vector<machine::Source>> read_network_sources(const machine::MachineName& name, const Places& places = {});
Result<std::string> find_network(const machine::MachineName& name, const Places& places = {});
Result<std::vector<machine::MachineName>> list_networks(const Places& places = {});

// Vendor's and admin's holm.toml; defaults where neither is there.
Result<machine::Settings> read_settings(const Places& places = {});

}  // namespace holm::kernel
