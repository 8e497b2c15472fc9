// HostFirewall: what nft(8) lists of the host. Observes; makes a process.
#pragma once

#include <string>
#include <vector>

namespace holm::cli {

// What a program of the host prints, at most 16 MiB; "" where it fails.
std::string output_of(const char* path, const std::vector<const char*>& arguments);
// The JSON of `nft -j list ruleset`; "" where the caller is not root, or there is no nft.
std::string list_firewall();

}  // namespace holm::cli
