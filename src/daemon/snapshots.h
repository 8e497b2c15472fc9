// Snapshots of a machine's upper. In a child of holmd. Observes and applies; outside.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "daemon/worker.h"
#include "machine/name.h"
#include "machine/spec.h"
#include "rootfs/history.h"
#include "rootfs/plan.h"

namespace holm::daemon {

// Where the machine's writes are, if they can be sealed. Errors: NotSupported, with what to do about it.
Result<rootfs::UpperPlace> sealable_upper(const machine::MachineName& name, const machine::Spec& spec);

// Seals the upper as the snapshot, whose layers are found. The machine must not run.
Result<> seal_as(const rootfs::UpperPlace& place, const rootfs::Snapshot& snapshot);
// The same while nobody starts a machine on it. Errors: Busy.
Result<> seal_locked(const rootfs::UpperPlace& place, std::string_view holder, const rootfs::Snapshot& snapshot);
// Copies the upper, while what writes to it stands still; gives the layer, which nobody knows of yet, and no power cut spares.
Result<std::string> copy_loose(const rootfs::UpperPlace& place, const std::function<void(std::string_view path)>& looking_at);
// Makes such a layer the snapshot.
Result<> record_copy(const rootfs::UpperPlace& place, const std::string& layer, const rootfs::Snapshot& snapshot);
// Forgets the oldest snapshots where there are more than `keep`; 0: none. What nobody needs then is set aside.
Result<> keep_newest(const rootfs::UpperPlace& place, unsigned keep);

// At a start, before the machine runs: the snapshot that was put off to it, if there is one. One that cannot be made hinders no start, is
// not tried again, and this says why; "" where there is nothing to say.
Result<std::string> seal_at_start(const rootfs::UpperPlace& place, unsigned keep);

struct SnapshotRequest {
    machine::MachineName name;
    machine::Spec spec;
    std::string tag;
    unsigned keep = 0;  // so many snapshots are left of those that there are then, the newest; 0: all
    std::function<void(std::string_view path)> looking_at;
};

// The machine does not run: its upper is sealed.
Result<> take_snapshot(const SnapshotRequest& request);
// It runs, and its payload stands still since `since` (µs, CLOCK_MONOTONIC): its upper is copied. What this gives is for record_snapshot(),
// once it is sure that it stood still to the end; by then it may go on.
Result<kernel::Message> copy_for_snapshot(const SnapshotRequest& request, uint64_t since);
Result<> record_snapshot(const SnapshotRequest& request, const kernel::Message& copied);
// It runs: the next start of its unit seals it. Errors: Exists (the tag, or another is put off to that start).
Result<> put_off_snapshot(const SnapshotRequest& request);
// Or takes back what was put off.
Result<> remove_snapshot(const SnapshotRequest& request);
// What was written since is gone, but for a snapshot of it that was put off, which is made.
Result<> roll_back(const SnapshotRequest& request);
// The same to what it was before its last rebase, whatever `tag` of the request is. Errors: NotFound.
Result<> undo_rebase(const SnapshotRequest& request);

// The answer of work on the upper of which nothing is left to do: which layers nobody needs any more is for holmd to have removed.
kernel::Message done_with(const SnapshotRequest& request);
// Of work on the upper that was killed: what it had begun to seal is sealed, and what it had begun to copy goes.
Worker::Job settling(const SnapshotRequest& request);

// "20261122-073012", in UTC. `now`: µs, CLOCK_REALTIME.
std::string tag_of(uint64_t now);
uint64_t monotonic_now();  // µs
uint64_t real_now();       // the same of CLOCK_REALTIME

}  // namespace holm::daemon
