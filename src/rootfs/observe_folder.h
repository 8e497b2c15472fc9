// What a folder of the host is, that is a layer, an upper or the source of a mount. Reads; outside. Where there is a probe, whether ids can
// be mapped is tried.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "machine/spec.h"
#include "rootfs/facts.h"
#include "rootfs/id_map_probe.h"
#include "rootfs/plan.h"

namespace holm::rootfs {

inline constexpr const char* image_endings[] = {".raw", ".img", ".qcow2", ".squashfs", ".erofs"};

// The folder at `path` of the host, opened with O_PATH. Errors: NotFound, Invalid (no folder), NotSupported (a disk image, which this does
// not look into).
Result<Fd> open_folder(const std::string& path);

// The folders above, up to the top of the mount: overlayfs looks no further for layers inside each other.
Result<std::vector<FileId>> observe_parents(int folder);

Result<Folder> describe_folder(int folder, const std::string& path, IdMapProbe* probe);

// The root of a mount that is attached nowhere, of the file at `path`. It is id-mapped where that can be done.
Result<Folder> describe_disk(int mount, const std::string& path, IdMapProbe* probe);

Result<UpperFacts> observe_upper_folders(const UpperPlace& place, IdMapProbe* probe);

// All but the owner, whom a name service knows. A bind whose source is missing is no error, nor is an optional overlay's.
Result<SourceFacts> observe_source(const machine::MountSpec& mount, std::span<const Disk> disks, IdMapProbe* probe);

}  // namespace holm::rootfs
