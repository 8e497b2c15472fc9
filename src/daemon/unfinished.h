// What changes of machines have left that were cut off by the death of holmd. Applies; outside.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace holm::daemon {

inline constexpr const char* renaming_file = "/renaming";  // in a machine's state: "OLD NEW\n"
inline constexpr const char* new_prefix = ".new-";         // of the state of a machine that is being made

// Renamings and sealings are brought to their end, and what was begun to be written is removed. Quick.
void finish_changes();
// What copies that never came to their end have left, of machines and of layers: paths below the folder of states. Removing them may
// take long.
std::vector<std::string> list_unfinished();
Result<> remove_unfinished(const std::vector<std::string>& names);

}  // namespace holm::daemon
