// Which partitions of a disk image make a root: by the discoverable partitions specification, for GPT; one Linux partition alone of any
// table. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace holm::image {

struct Partition {
    unsigned number = 0;  // from 1
    std::string type;     // GPT: its UUID, in small letters; MBR: "0x83"
    std::string label;
    uint64_t begin = 0, size = 0;  // bytes
    uint64_t flags = 0;            // GPT: its attributes
};

enum class Table {
    None,  // one file system, from the first byte
    Gpt,
    GptDamaged,  // the protective MBR alone
    Mbr,
};

struct Disk {
    Table table = Table::None;
    uint64_t size = 0;  // bytes of the image
    std::vector<Partition> partitions;
};

// What is mounted where: "" is the root, which comes first; "usr", "home", "srv" stand in it.
struct Part {
    std::string folder;
    unsigned number = 0;  // of the partition; 0: the whole image
    uint64_t begin = 0, size = 0;
    bool operator==(const Part&) const = default;
};

// `architecture` as OCI has it. Partitions that are marked "no-auto" are left alone; of two of one kind that of the later version is taken,
// as their labels say. /var is of one installation, and left out. Errors: Invalid (damaged, cut, no root).
Result<std::vector<Part>> choose_parts(const Disk& disk, std::string_view architecture);

// "partition 2" or "the image".
std::string describe_part(const Part& part);

// How a file system is mounted so that nothing of it is written or replayed. `found`: what libblkid calls it; "" = nothing that it knows.
struct Reader {
    std::string type;
    std::vector<std::string> options;  // "noload", "errors=remount-ro"
};
// Errors: Invalid (encrypted, swap, not a root's).
Result<Reader> reader_of(const Part& part, std::string_view found);

}  // namespace holm::image
