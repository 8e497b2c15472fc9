// Traffic: how fast an interface gives and takes, by the kernel's traffic control (tc(8)) over rtnetlink. Effects.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "kernel/link.h"

namespace holm::kernel {

// What `link` sends is slowed down to so many bits per second; what comes faster waits, then is dropped.
Result<> limit_sending(Netlink& netlink, const Link& link, uint64_t bits_per_second);
// Nothing of what it sends or receives is slowed down any more; a helper stays.
Result<> unlimit(Netlink& netlink, const Link& link);
// What `link` receives: it goes by way of `helper`, an interface of kind ifb that is made for it and is to be removed with it.
Result<> limit_receiving(Netlink& netlink, const Link& link, uint64_t bits_per_second, const std::string& helper);

}  // namespace holm::kernel
