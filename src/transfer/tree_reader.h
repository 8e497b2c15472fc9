// Reads a tree, link by link, into a Sink: nothing in it is followed, each file is opened below the folder that was opened before it.
// Reads; outside.
#pragma once

#include <functional>
#include <string_view>

#include "base/error.h"
#include "machine/id_range.h"
#include "transfer/entry.h"

namespace holm::transfer {

struct TreeReading {
    int top = -1;                                           // a folder or file, opened with O_PATH or to be read
    machine::IdRange range;                                 // whose files they are: of a machine, or with IdMapping::Host the host's
    std::function<void(std::string_view path)> looking_at;  // told now and then where it is
};

// Puts `top` and all below it into the sink, sparse files with their holes, hard links as such. Devices and sockets are left out and
// counted. Errors: those of the sink; Invalid (a path that is too long, a kernel's file system).
Result<Skipped> read_tree(const TreeReading& reading, Sink& sink);

// Errors: Invalid, where `file` lies on proc, sysfs or the like: what is there is no file. `what` names it.
Result<> refuse_kernel_files(int file, std::string_view what);

}  // namespace holm::transfer
