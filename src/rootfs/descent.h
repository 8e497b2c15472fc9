// Descent: where a walk is in several trees at once, all at the same path. Trees may be hostile, 100 000 levels deep or renamed
// meanwhile: no path is resolved, no link followed, no mount entered, and depth costs neither stack nor descriptors, since only the last
// folders are held open; what was closed is opened again as the folder above, and must be the one that it was. Reads; outside.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace holm::rootfs {

class Descent {
public:
    // One open folder a tree, of a copy of its mount (kernel::clone_mount): nothing is mounted in that.
    explicit Descent(std::vector<Fd> tops);

    size_t trees() const { return frames_.front().folders.size(); }
    size_t depth() const { return frames_.size() - 1; }
    // The folder of a tree that the walk is in; -1 where that tree has none here.
    int here(size_t tree) const { return frames_.back().folders[tree].get(); }
    // Goes into the folder `name` of the trees that `into` says. Errors: those of openat2(2); Busy, where it changes meanwhile.
    Result<> enter(const std::string& name, std::vector<bool> into);
    // Goes up again, which depth() must allow. Errors: Busy, where the way there is another by now.
    Result<> leave();
    // A folder of a tree by its path() as it was when the walk was there. Errors: those of openat2(2).
    Result<Fd> open_from_top(size_t tree, std::string_view path) const;
    // Where it is: "/usr/share"; "" of the top.
    std::string path() const;

private:
    struct Frame {
        std::string name;
        std::vector<bool> in;
        std::vector<Fd> folders;
        std::vector<std::pair<dev_t, ino_t>> identities;  // of folders that were closed
        bool open = true;
    };
    Result<> close_frame(Frame& frame);
    Result<> go_back(const Frame& left);

    std::vector<Frame> frames_;
};

// The names in a folder but "." and "..", in no order. Errors: NotSupported, more than can be held.
Result<std::vector<std::string>> list_names(int folder);

}  // namespace holm::rootfs
