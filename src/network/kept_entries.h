// Kept entries: what connect, disconnect, publish and unpublish change of a definition's [[network]], so that the next start has it too.
// The spec is the whole machine's, and names networks in so many words: a default is an entry of it. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "machine/spec.h"
#include "network/plan.h"

namespace holm::network {

// By its network, or by its interface.
std::optional<size_t> find_entry(const machine::Spec& spec, std::string_view network);

// `interface`: what the machine calls it now; it stands in the entry where the entry's place would give it another name.
void add_entry(machine::Spec& spec, const std::string& network, const std::string& interface);
// The interfaces of all others keep their names. Without any there is the entry "none".
void remove_entry(machine::Spec& spec, size_t index);

// The entry that publishes it, as it would be written or in other words.
std::optional<size_t> find_publisher(const machine::Spec& spec, const Publication& published);
void remove_published(machine::Spec& spec, size_t index, const Publication& published);

}  // namespace holm::network
