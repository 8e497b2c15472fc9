// What a machine's root is made of: layers, upper, mounts, in the order in which they are made. A value; plan_rootfs is pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "machine/id_range.h"
#include "machine/spec.h"
#include "rootfs/facts.h"

namespace holm::rootfs {

// Who undergoes the writes of the machine.
enum class Upper {
    None,       // read-only, or a directory used in place
    Directory,  // upper and work on disk
    Memory,     // both in a tmpfs of `memory_size` bytes
};

// A user of the host, with its first group, and the id inside that it has in one mount: nobody else is anybody there.
struct UserMap {
    uint32_t uid = 0, gid = 0;  // on the host
    uint32_t id = 0;            // inside, of the user and of the group
    bool operator==(const UserMap&) const = default;
};

// A mount below the machine's root, made outside (so locked inside) after the root itself, in order.
struct Mount {
    machine::MountType type = machine::MountType::Bind;
    std::string source;  // absolute, on the host; "" for tmpfs and inaccessible
    std::string target;  // absolute, inside; created where missing
    bool read_only = false, nosuid = false, nodev = false, noexec = false;
    bool recursive = true;
    bool optional = false;           // a missing source is skipped
    bool id_mapped = true;           // root inside owns what root owns on the host
    std::optional<UserMap> user;     // who owns what on the host, instead
    std::vector<std::string> lower;  // of an overlay: the layers below `source`, topmost first
    std::string upper, work;         // of an overlay: folders; "" where it is read-only or its changes are in memory
    std::string options;             // of a tmpfs: "size=…,mode=…"; of an overlay in memory "size=…"
    std::string key;                 // "mount[0]": names it in errors
    unsigned live_boot = 0;          // the boot of the payload in which it was mounted; 0: it was there from the start
    bool operator==(const Mount&) const = default;
};

// A file written inside, with the machine's own privileges, before the payload runs; never through a symlink.
struct File {
    enum class Kind {
        Replace,  // the content of a regular file
        Anew,     // whatever is there but a folder: a link too
        IfMissing,
        Symlink,
        Remove,
    };
    std::string path;
    std::string content;  // of a Symlink its target
    Kind kind = Kind::Replace;
    bool operator==(const File&) const = default;
};

struct Plan {
    std::string machine;
    machine::IdRange ids;
    // One element and upper None: that directory itself is the root. Else an overlay; topmost first, 1 to 64.
    std::vector<std::string> lower;
    Upper upper = Upper::None;
    std::string upper_path, work_path;  // Directory only
    uint64_t memory_size = 0;           // Memory: its size, bytes; Directory: the cap of what is in it, 0: none
    bool create_upper = false;          // upper_path, work_path are holm's: made where missing
    bool empty_at_end = false;          // an ephemeral upper on disk: emptied at the end of the unit, and, for what a power cut
                                        // left, before its first boot, once it is locked
    bool read_only = false;             // the root is a locked read-only mount
    bool only_usr = false;              // mode volatile: a tmpfs with /usr of the root, read-only
    std::vector<std::string> hidden;    // paths inside that are covered by an empty read-only folder
    std::vector<Mount> mounts;
    std::vector<Disk> disks;              // of those paths of `lower` and of mounts that are files
    std::vector<Device> devices;          // beside the usual ones of /dev; owned as on the host, by the ids of the machine
    bool uncovered_kernel_files = false;  // a second /proc and /sys below /run/host: without, none can be mounted in a machine inside
    std::string context;  // of SELinux, of all files of what is mounted anew: tmpfs, overlays, /dev/pts; "": as the policy says
    std::vector<File> files;
    std::vector<File> host_files;  // of /run/host: path relative to it
    bool operator==(const Plan&) const = default;

    bool overlay() const { return lower.size() > 1 || upper != Upper::None; }
    bool capped_on_disk() const { return upper == Upper::Directory && memory_size != 0; }
    // One directory that the machine writes to: nobody else may meanwhile.
    bool in_place() const { return !overlay() && !read_only && !only_usr; }
};

// Where the writes of a machine go, by the spec alone (holm.machine(5), "Upper").
struct UpperPlace {
    Upper upper = Upper::None;
    std::string path, work;  // Directory only
    bool ours = false;       // the default place: made with the folders above it
    bool empty_at_end = false;
    bool operator==(const UpperPlace&) const = default;
};
UpperPlace place_upper(const machine::Spec& spec, const std::string& state);

// Its layers, topmost first.
std::vector<std::string> layers_of(const Mount& overlay);

// Of a mount of type overlay: its layers, topmost first, and where its writes go.
struct OverlayPlace {
    std::vector<std::string> layers;
    UpperPlace upper;
};
OverlayPlace place_overlay(const machine::MountSpec& mount);

// Of one root. The kernel takes twice as many, and their names in the stage fit its page of options.
inline constexpr size_t max_layers = 250;

// Files of the machine's init, in the order in which they are tried.
inline constexpr const char* init_paths[] = {"/sbin/init", "/usr/lib/systemd/systemd", "/lib/systemd/systemd", "/etc/init", "/bin/init"};

// What else plan_rootfs needs to know. memory: of the host, bytes.
struct PlanInput {
    machine::IdRange ids;
    std::string state;  // "/var/lib/holm/machines/web"
    uint64_t memory = 0;
};

// The root by spec and facts; `files` and `host_files` are left to the caller. A sentence of warning each is added to `warnings`.
// Errors: Invalid, NotSupported, NotFound: with the path, the key and where it was written.
Result<Plan> plan_rootfs(const machine::Spec& spec, const Facts& facts, const PlanInput& input, std::vector<std::string>& warnings);

}  // namespace holm::rootfs
