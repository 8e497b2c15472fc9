// Set file: what `holmctl set` and live changes of networks keep, laid into the TOML of a drop-in or a record. Pure.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "machine/toml_value.h"

namespace holm::machine {

// The text with these properties under [resources] in place of what it had of them; several of one name are a list, and one whose
// value is empty goes. "" where nothing is left. Errors: Invalid, of a text that is no TOML.
Result<std::string> set_resources(const Source& before, std::span<const std::pair<std::string, std::string>> assignments);

// The text with what makes the machine's [[network]] these, laid over those `below` it: nothing where they are the same, more [[network]]
// where it has these and more, else one list that replaces them. A record has nothing below it but profiles. Errors: as set_resources.
Result<std::string> set_networks(const Source& before, const std::vector<NetworkSpec>& below, const std::vector<NetworkSpec>& networks);
// The [[network]] of all sources together, each laid over those before it. Errors: Invalid.
Result<std::vector<NetworkSpec>> networks_of(std::span<const Source> sources);

// A key of which the sources below say something that does not hold, since `set` says otherwise.
struct Overridden {
    std::string key;           // "resources.MemoryMax"
    std::string below, above;  // "256M (/etc/holm/machines/web.toml:7)"
    bool operator==(const Overridden&) const = default;
};
// Errors: Invalid, of a text that is no TOML.
Result<std::vector<Overridden>> find_overridden(std::span<const Source> below, const Source& set);

}  // namespace holm::machine
