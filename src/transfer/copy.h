// Copies between the host, machines and tar streams, by observing one side and writing the other. What a path of a machine names is
// found within its root, whatever its links say. Applies; outside, in a process of its own that is spent on it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "machine/id_range.h"
#include "transfer/entry.h"
#include "transfer/tree_writer.h"

namespace holm::transfer {

// Where files come from or go to.
struct End {
    enum class Kind { Host, Machine, Tar } kind = Kind::Host;
    int fd = -1;             // Machine: its root, O_PATH; Tar: the stream
    machine::IdRange range;  // of a Machine
    std::string path;        // absolute; of a Tar unused
    std::string what;        // "machine 'web'", for errors; "" on the host
};

struct Copy {
    End from, to;
    Existing existing = Existing::Refuse;
    std::function<void(std::string_view path)> looking_at;
};

// Carries it out. A file goes into a destination that is a folder or ends with '/'; a folder's content goes into a folder that is there.
// Errors leave nothing half written. Errors: NotFound, Exists, Invalid.
Result<Skipped> copy(const Copy& copy);

// "2 devices or sockets were left out": what the caller is told; "": nothing was.
std::string describe_skipped(const Skipped& skipped);

}  // namespace holm::transfer
