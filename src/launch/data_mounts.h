// Where large data lies, as [paths] of holm.toml says: mount units of systemd that put it where every part of holm looks for it. Pure.
#pragma once

#include <string>
#include <vector>

#include "machine/settings.h"

namespace holm::launch {

struct DataMount {
    std::string unit;    // "var-lib-holm.mount"
    std::string source;  // "/srv/holm"
    std::string target;  // "/var/lib/holm"
    bool operator==(const DataMount&) const = default;
};

// Those that differ from where the data lies anyway, outermost first.
std::vector<DataMount> plan_data_mounts(const machine::Settings& settings);
// The unit's file.
std::string describe_mount_unit(const DataMount& mount);

}  // namespace holm::launch
