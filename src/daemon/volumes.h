// Named volumes: folders that outlive the machines that mount them, /var/lib/holm/volumes/NAME/{volume.toml,data}. In a child of holmd.
// Observes and applies; outside.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace holm::daemon {

inline constexpr const char* volumes_folder = "/var/lib/holm/volumes";

struct Volume {
    std::string name;
    uint64_t created = 0;  // µs, CLOCK_REALTIME
    uint64_t size = 0;     // bytes it may take; 0: as many as there are
    uint32_t project = 0;  // of the quota; 0: it has none
    bool operator==(const Volume&) const = default;
};

// The folder of its files. Errors: NotFound, with the nearest name.
Result<std::string> find_volume(const std::string& name);
Error unknown_volume(const std::string& name);
// Errors: Exists; NotSupported (a size where the file system has no quotas).
Result<> create_volume(const std::string& name, uint64_t size);
// With all that is in it, which may take long. Errors: NotFound, with the nearest name; Busy (something is mounted in it).
Result<> remove_volume(const std::string& name);
// All, sorted by name; one that is broken is said and skipped.
Result<std::vector<Volume>> list_volumes();
// What a creation or a removal that was cut off has left.
std::vector<std::string> list_unfinished_volumes();
Result<> remove_unfinished_volumes(const std::vector<std::string>& names);

}  // namespace holm::daemon
