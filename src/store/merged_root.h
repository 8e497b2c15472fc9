// The root that an image, a plain folder or a machine that does not run has, as one folder: its layers merged by overlayfs, read-only.
// Applies: mounts, in a mount namespace of this process's own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "image/store.h"

namespace holm::store {

struct RootSource {
    std::vector<std::string> folders;  // topmost first
    std::vector<std::string> own;      // of a machine: its upper and what was sealed of it; empty: of an image
};

// The root of what is called `name`: an image of the store, a plain folder, else a machine with an upper. Errors: NotFound, Busy (the
// machine runs).
Result<RootSource> find_root(const image::Store& store, std::string_view name);

// The folders merged. What it is opened by is all that keeps it.
Result<Fd> open_merged(const image::Store& store, const std::vector<std::string>& folders);

}  // namespace holm::store
