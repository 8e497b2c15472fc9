// The root that an image, a plain folder or a machine that does not run has, as one folder: its layers merged by overlayfs, read-only.
// Applies: mounts, in a mount namespace of this process's own.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "image/store.h"
#include "kernel/message.h"

namespace holm::store {

struct RootSource {
    std::vector<std::string> folders;  // topmost first
    std::vector<std::string> own;      // of a machine: its upper and what was sealed of it; empty: of an image
};

// Folders of which much is read without a lock. What takes one away renames it first: as long as each is in its place, all of it was there.
class Presence {
public:
    static Result<Presence> note(const std::vector<std::string>& folders);
    // Errors: Failed, with `what`, where one of them is there no more.
    Result<> check(std::string_view what) const;

private:
    struct Place {
        std::string path;
        dev_t device;
        ino_t inode;
    };
    std::vector<Place> places_;
};

// The root of what the request names (`name`): an image of the store, a plain folder, else a machine that has written something or lies on
// `lower`: folders of the host, topmost first. `own_upper`: where its upper is, if that is not holm's place. Errors: NotFound, Busy (the
// machine runs), NotSupported (it lies on a disk image).
Result<RootSource> find_root(const image::Store& store, const kernel::Message& request);

// The folders merged. What it is opened by is all that keeps it.
Result<Fd> open_merged(const image::Store& store, const std::vector<std::string>& folders);

}  // namespace holm::store
