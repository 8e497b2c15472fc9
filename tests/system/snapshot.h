// What of a host a machine could leave behind, as lists of lines that can be compared. Observes.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace holm::test {

// Section ("mounts", "units", "/run/holm" …) -> its lines, sorted.
using HostState = std::map<std::string, std::vector<std::string>>;

HostState observe_host();

// "section: + line" and "section: - line" of all that came and went; "" where nothing did.
std::string describe_difference(const HostState& before, const HostState& after);

}  // namespace holm::test
