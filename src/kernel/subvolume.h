// Subvolumes of btrfs, and the quota groups that bound them (btrfs(5)). Effects: makes and limits; outside.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace holm::kernel {

// Whether the folder lies on btrfs.
bool is_on_btrfs(int folder);

// Makes an empty subvolume in a folder; it is a folder to everybody else, and goes as one.
Result<> make_subvolume(int folder, const std::string& name);
bool is_subvolume(int folder);
// What the subvolume `from` holds now as another one, `name` in a folder of the same file system; the two share what neither changes.
// In one step, and on disk. Errors: Exists.
Result<> snapshot_subvolume(int from, int folder, const std::string& name);
// `bytes` for all that the subvolume refers to; 0: no limit any more. Errors: NotSupported, where the file system keeps no quotas, with
// what to do about it.
Result<> limit_subvolume(int subvolume, uint64_t bytes);
// Its number, which is its quota group's too.
Result<uint64_t> number_of_subvolume(int subvolume);
// The quota group of a subvolume that was just removed; `folder`: of the same file system. Waits a little for the subvolume to be dropped;
// one that takes longer leaves its group, which bounds nothing any more.
void forget_quota_group(int folder, uint64_t number);

}  // namespace holm::kernel
