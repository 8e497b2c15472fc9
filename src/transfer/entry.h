// One file on its way between a tree, a tar stream and another tree: all that is told of it besides its bytes. A value.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace holm::transfer {

// A stretch of a file that is no hole.
struct Stretch {
    uint64_t offset = 0, size = 0;
    bool operator==(const Stretch&) const = default;
};

struct Entry {
    enum class Kind { Folder, File, Link, HardLink, Fifo };
    std::string path;  // below the top, no `/` at either end; "": the top itself
    Kind kind = Kind::File;
    mode_t mode = 0;            // 07777
    uint32_t uid = 0, gid = 0;  // as the machine numbers them; on the host and in a tar stream the same numbers
    timespec modified{};
    std::string target;  // of a Link what it says; of a HardLink the path of an entry before it
    uint64_t size = 0;
    std::vector<Stretch> stretches;                               // of a File with holes; else none
    std::vector<std::pair<std::string, std::string>> attributes;  // extended ones; ids in an ACL are as uid and gid are
};

// Where entries go: each as add(), for a File the bytes in order, then close_entry(); finish() after the last.
class Sink {
public:
    virtual ~Sink() = default;
    virtual Result<> add(const Entry& entry) = 0;
    virtual Result<> write(uint64_t offset, std::string_view bytes) = 0;
    virtual Result<> close_entry() = 0;
    virtual Result<> finish() = 0;
};

// What was left out, for the sentence that says so.
struct Skipped {
    uint64_t special = 0;  // devices and sockets
    uint64_t set_id = 0;   // files that lost setuid, setgid or their capabilities
};

inline constexpr size_t max_path = 4000;  // bytes of a path below the top: what one system call takes, and room for the top's own

}  // namespace holm::transfer
