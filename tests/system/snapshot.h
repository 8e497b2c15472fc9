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

// Where the journal ends now.
std::string journal_position();
// What systemd has said since then of programs of holm that ended by a fault of their own, and of a holmd that gave up, unless that is
// allowed: restarted at once, they are seen by nobody else.
enum class Allowed { No, Yes };
std::string describe_crashes(const std::string& since, Allowed errors_of_holmd);

}  // namespace holm::test
