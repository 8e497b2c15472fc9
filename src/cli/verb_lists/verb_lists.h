// The verbs of holmctl, one list for each group of the help; verb_table puts them together. Pure.
#pragma once

#include <vector>

#include "cli/verb_table.h"

namespace holm::cli {

// How many operands a verb takes.
namespace count {
inline constexpr Count none = {0, 0}, one = {1, 1}, two = {2, 2}, some = {1, ~0u}, any = {0, ~0u};
}

std::vector<VerbInfo> machine_verbs();
std::vector<VerbInfo> definition_verbs();
std::vector<VerbInfo> change_verbs();
std::vector<VerbInfo> inside_verbs();
std::vector<VerbInfo> network_verbs();
std::vector<VerbInfo> volume_verbs();
std::vector<VerbInfo> manager_verbs();

}  // namespace holm::cli
