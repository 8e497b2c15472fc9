// Copies of trees that a guest has filled: every file as it is on disk, owners unshifted. Applies; outside.
//
// Safe on trees that are hostile or change meanwhile (rootfs/descent): then the copy fails, or has a file as it was at some moment.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holm::rootfs {

struct Copied {
    uint64_t files = 0;
    uint64_t bytes = 0;                    // of content that was written
    uint64_t shared = 0;                   // bytes of content that the file system shares (FICLONE)
    uint64_t devices = 0, attributes = 0;  // that were left out
    bool operator==(const Copied&) const = default;
};

// Told now and then, with the path in the tree that is being copied. What it answers ends the copy.
using CopyProgress = std::function<Result<>(const std::string& path, const Copied& so_far)>;

// What of a tree is copied.
struct CopyRules {
    enum class Devices {
        All,        // sockets too
        Whiteouts,  // those of an upper, else none
        None,
    };
    Devices devices = Devices::All;
    // Which extended attributes; by default all but overlayfs's notes of where a file came from.
    bool (*keeps)(std::string_view attribute) = nullptr;
    bool synced = true;
};

// Copies what is in the folder `from`, with the folder's own mode, owner, times and attributes, into the empty folder `to`; what is mounted
// below is an empty folder there. Content is shared where the file system can, else copied, holes kept; hard links among the copied files
// are kept; whiteouts and opaque folders of an upper are, as the rules say. Errors: what is there then is for the caller to remove.
Result<Copied> copy_tree(int from, int to, const CopyProgress& progress, const CopyRules& rules = {});

}  // namespace holm::rootfs
