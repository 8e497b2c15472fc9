// Owners: the ids of a machine's files as the host has them, and the same in the extended attributes that hold ids. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "machine/id_range.h"

namespace holm::transfer {

inline constexpr uint32_t nobody = 65534;

// The machine's number of a host's id; `nobody` for one that is none of its own.
uint32_t id_inside(const machine::IdRange& range, uint32_t outside);
// The host's id of a machine's number; that of `nobody` for one that the machine has not.
uint32_t id_outside(const machine::IdRange& range, uint32_t inside);

enum class Direction { In, Out };  // from the host's ids to the machine's numbers, and back

// Whether an attribute goes along at all: user.*, ACLs and file capabilities.
bool is_carried(std::string_view name);
// Its value with the ids in it mapped; empty where it cannot be read as what its name says.
std::optional<std::string> map_attribute(std::string_view name, std::string_view value, const machine::IdRange& range, Direction direction);

}  // namespace holm::transfer
