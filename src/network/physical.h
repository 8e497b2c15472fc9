// Physical: links of the host that are moved into a machine: which can be, and by what they are known while they are away. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "network/plan.h"

namespace holm::network {

// Whether an entry's `network` moves a link: "physical:eth1"; and the link's name.
bool is_physical(std::string_view network);
std::string name_of_physical(std::string_view network);

// Whether the link can be moved. `origin`: where it is asked for, as describe_origin has it. Errors: NotFound, Busy (another machine has
// it), Invalid (what the host or holm cannot do without, or the kernel does not move).
Result<> check_physical(const std::string& asked, const FoundLink& found, const std::string& origin);

// Its index while it is in a machine: nobody inside can change that, whatever name and addresses it is given. High, so that no other link
// of the machine has it.
int inner_index(const HostLink& link);
// Its name on the host for the moment in which it comes back: under the machine's it could meet another.
std::string passing_name(const HostLink& link);
// What it is called where its old name is another link's; the kernel puts a number for "%d".
std::string free_name(const std::string& name);

bool has_moved(const Plan& plan);

}  // namespace holm::network
