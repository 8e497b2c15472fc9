// Link move: interfaces that change their network namespace, by their index, which nobody in a namespace can change; rtnetlink. Effects.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernel/link.h"
#include "kernel/netlink.h"

namespace holm::kernel {

// None where there is none of this index.
Result<std::optional<Link>> find_link(Netlink& netlink, int index);

struct LinkMove {
    int index = 0;
    std::string name;   // there
    int pid = 0;        // into the network namespace of this process
    int new_index = 0;  // there; 0: its own, or the next where that is another's
};
// It is down there, without addresses and of no bridge or bond. The request is for a socket in the namespace where it is. Errors keep the
// kernel's errno: EEXIST: another has the name, EBUSY: another has the index, EINVAL: its kind stays where it is.
NetlinkRequest move_request(const LinkMove& move);
// Down, under this name, and what else is given here as it is given.
struct LinkRestoration {
    int index = 0;
    std::string name;
    std::optional<HardwareAddress> mac = {};
    uint32_t mtu = 0;  // 0: as it was
    std::optional<std::string> alias = {};
};
NetlinkRequest restore_request(const LinkRestoration& restoration);

// Its other names (ip-link(8), altname).
Result<std::vector<std::string>> list_other_names(Netlink& netlink, int index);
NetlinkRequest remove_name_request(int index, const std::string& name);

}  // namespace holm::kernel
