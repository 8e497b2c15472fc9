// What the host says about the paths of a machine's root. Values, filled by rootfs/observe, read by plan_rootfs. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holm::rootfs {

// A file's identity, whatever path leads to it: st_dev and st_ino.
struct FileId {
    uint64_t device = 0, inode = 0;
    bool operator==(const FileId&) const = default;
};

// An existing folder on the host.
struct Folder {
    std::string path;
    FileId id;
    std::string file_system;  // "ext4", "overlay"; "0x…" (statfs magic) where the name is not known
    bool read_only = false;
    bool can_be_id_mapped = true;  // tried with mount_setattr(2) where the ids of the machine shift
    std::vector<FileId> parents;   // of the same mount, nearest first
    bool operator==(const Folder&) const = default;
};

// Where the writes go: `folder` where it exists, and the parent in which upper and work are made.
struct UpperFacts {
    std::optional<Folder> folder;
    std::optional<Folder> parent;  // none: missing; of holm's own place the nearest that exists
    std::optional<FileId> work;    // none: missing
    bool mounted = false;          // a mount point: it and its work would not be on one mount
    bool empty = true;
    bool operator==(const UpperFacts&) const = default;
};

// What a path inside the machine's root names, seen over all its layers.
struct Found {
    enum class Kind {
        Missing,
        File,
        Folder,
        Other,    // device, FIFO, socket
        Covered,  // below a mount of the machine: not known before it starts
    };
    Kind kind = Kind::Missing;
    std::string asked;        // inside, as it was looked for
    std::string path;         // inside, every link followed
    bool executable = false;  // a File with an execute bit
    bool operator==(const Found&) const = default;
};

// A user of the host, by its name service.
struct HostUser {
    uint32_t uid = 0, gid = 0;
    bool operator==(const HostUser&) const = default;
};

// The source of mount[i] of the spec.
struct SourceFacts {
    bool exists = false;  // of an overlay: all its layers do
    bool can_be_id_mapped = true;
    std::string file_system;
    std::vector<Folder> layers;       // of an overlay: the source, and those below it
    std::optional<UpperFacts> upper;  // of an overlay that has one on disk
    std::optional<HostUser> owner;    // of owner = "user:…", where there is such a user
    bool operator==(const SourceFacts&) const = default;
};

// A device node of the host.
struct Device {
    std::string path;  // "/dev/dri/card0"; the same inside
    bool block = false;
    uint32_t major_number = 0, minor_number = 0;
    uint32_t uid = 0, gid = 0, mode = 0;  // on the host
    std::string access = "rw";            // of "rwm"
    bool operator==(const Device&) const = default;
};

// The file system of a file that is a layer, or the source of a mount of type image.
struct Disk {
    std::string path;
    std::string type;                  // "squashfs", "ext4"
    std::vector<std::string> options;  // of its mount: "noload", "errors=remount-ro"
    uint64_t begin = 0, size = 0;      // where in the file, bytes
    bool writable = false;             // the one layer of a root that is used in place
    bool operator==(const Disk&) const = default;
};

struct Facts {
    std::vector<Folder> layers;                // of root.path, root.image or root.lower; topmost first
    bool sealed = false;                       // the layers are of the image store: nobody writes to them
    std::optional<UpperFacts> upper;           // where the spec leads to one on disk (place_upper)
    FileId host_root;                          // "/" of the host
    std::vector<std::string> seen;             // holm's own folders as they are seen through a layer: paths inside
    std::vector<SourceFacts> sources;          // as many as the spec has mounts
    std::vector<std::vector<Device>> devices;  // of each of security.devices: the node, or all of a folder
    Found init;                                // of a machine that boots: the first of init_paths that is there
    bool has_inittab = false;
    Found command;                     // of one that does not: the command, looked up as execvpe(3) would with the payload's PATH
    std::string localtime;             // target of the root's /etc/localtime; "" where it is no link
    std::vector<Disk> disks;           // of those paths that are files
    bool has_zone = false;             // the file of the zone that was asked for is in the root
    bool resolv_conf_is_link = false;  // of the root
    bool operator==(const Facts&) const = default;
};

}  // namespace holm::rootfs
