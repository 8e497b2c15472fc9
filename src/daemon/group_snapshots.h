// Snapshots of several machines as one: all have it, or none. In children of holmd. Observes and applies; outside.
//
// A file in /var/lib/holm tells of a group whose snapshot is being written down; from the moment that it is gone all have theirs. What
// was killed before that is taken back, at the latest when holmd starts.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "daemon/worker.h"
#include "machine/name.h"
#include "rootfs/plan.h"

namespace holm::daemon {

struct GroupMember {
    machine::MachineName name;
    rootfs::UpperPlace place;
    bool runs = false;      // when the group was frozen
    std::string copy = {};  // layer, of one that runs
};

struct GroupSnapshot {
    std::string tag;
    uint64_t created = 0;  // µs, CLOCK_REALTIME: when all stood still; the same of all members
    uint64_t frozen = 0;   // µs for which those that run have
    unsigned keep = 0;     // as in SnapshotRequest
    std::vector<GroupMember> members;
};

// Whether all can have a snapshot of the tag; leaves little to be synced while they stand still. Errors: Exists, NotSupported, with the
// machine.
Result<> check_new_tag(const GroupSnapshot& group, const Worker::LookingAt& looking_at);
// Whether all have one. Errors: NotFound, with the machine.
Result<> check_old_tag(const GroupSnapshot& group, const Worker::LookingAt& looking_at);

// Makes the snapshots of all, of what was copied and of what does not run. Where it fails, or is killed, settle_group() says what there is.
Result<> write_down(const GroupSnapshot& group, const Worker::LookingAt& looking_at);
// True: all have it. Else none has it, or a copy for it, any more.
Result<bool> settle_group(const GroupSnapshot& group);
bool is_any_unfinished();
// Of the groups whose holmd has died meanwhile: none has it.
Result<> take_back_unfinished();

}  // namespace holm::daemon
