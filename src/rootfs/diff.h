// What a machine has changed: its own layers, the upper and what was sealed of it, against the layers that it was made of. Reads; outside.
//
// Safe on trees that are hostile or change meanwhile (rootfs/descent).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace holm::rootfs {

enum class Difference {
    Added,
    Changed,
    Deleted,
    Opaque,  // a folder that hides what the layers have in it; what of that is gone follows as Deleted. Of a whole root there is none: it
             // hides all of the base, and what is the same in both has not changed
};

struct FileState {
    mode_t mode = 0;  // with its type
    uid_t user = 0;   // as on disk: the machine's own numbers
    gid_t group = 0;
    uint64_t size = 0;
    bool operator==(const FileState&) const = default;
};

struct Change {
    std::string path;  // "/etc/hosts"
    Difference kind = Difference::Changed;
    FileState before, now;                // as far as there is one
    std::vector<std::string_view> parts;  // of Changed: type, content, mode, owner, attributes, time
    bool operator==(const Change&) const = default;
};

struct DiffInput {
    std::vector<Fd> own, base;  // folders, topmost first each
    bool whole = false;         // `own` is a whole root, so that what it does not have is gone
};

// Tells each change once, a folder before what is in it, in the order of names. Of a folder only mode, owner and attributes count. What
// `report` answers ends it. Errors: Busy (a folder is moved meanwhile).
Result<> diff(const DiffInput& input, const std::function<Result<>(const Change&)>& report);

std::string_view describe_difference(Difference kind);  // "added"
std::string_view describe_type(mode_t mode);            // "file", "folder", "link", …

}  // namespace holm::rootfs
