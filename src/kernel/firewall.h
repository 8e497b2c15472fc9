// Firewall: nftables by libnftables, in this process. Effects.
#pragma once

#include <string>

#include "base/error.h"

namespace holm::kernel {

// Runs the text as one transaction: all of it or nothing. Errors: with nft's first complaint and the line it is about.
Result<> run_ruleset(const std::string& text);

// Whether the table is there, asked by netlink alone. `family`: NFPROTO_*.
Result<bool> has_table(uint8_t family, const std::string& name);

}  // namespace holm::kernel
