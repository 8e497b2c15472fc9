// ChangeRequest, GroupRequest: what is done to machines that stand still, by children of holmd, as jobs. Values with owners.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "daemon/group_snapshots.h"
#include "daemon/jobs.h"
#include "daemon/reply.h"
#include "daemon/worker.h"
#include "machine/name.h"

namespace holm::daemon {

inline constexpr std::chrono::seconds copy_deadline = std::chrono::hours(24);  // a large upper takes its time
inline constexpr unsigned most_killed_undoers = 10;                            // of those that take back, one after the other

// What is done to a machine as a whole, by a child of holmd, as a job.
struct ChangeRequest {
    enum class While {
        Stopped,
        Frozen,  // stopped, or with its payload standing still
        Any,
    };
    While when = While::Stopped;
    JobKind kind = JobKind::Clone;
    std::string doing;                           // "being cloned as 'new'"
    std::string what;                            // "cloning machine 'web'"
    std::optional<machine::MachineName> result;  // the machine that there is then; nobody else is given the name meanwhile
    Worker::Job work;
    Worker::Job put_off;  // instead of `work` where the machine runs: has its next start do it
    // What is done when the machine goes on again, with what `work` gave, unless that is nothing_left. Until then it is not started either.
    // It stood still for all of `work`: one that was stopped meanwhile fails, and `undo` takes back what there is of it.
    std::function<Result<kernel::Message>(const kernel::Message&, const Worker::LookingAt&)> rest;
    std::function<void(uint32_t job, const kernel::Message&)> done;  // in holmd, when all of it was done
    std::function<void()> failed;                                    // in holmd, when it was begun and not all of it was done
    Worker::Job undo;                        // when `work` was killed: takes back what it has left, or brings it to its end
    bool reloads = false;                    // definitions come or go: systemd reads its units again
    std::string tag;                         // of the snapshot, which the reply tells before the job; "": it does not
    std::shared_ptr<uint64_t> frozen_since;  // Frozen: set for `work`, µs of CLOCK_MONOTONIC, where the machine runs
};

// What is done to several machines as one.
struct GroupRequest {
    std::string doing;                   // "being snapshot with all of slice 'machine-shop.slice'"
    std::string what;                    // "snapshot 'x' of slice 'machine-shop.slice'"
    GroupSnapshot group;                 // its members; a snapshot of all of them, which stand still at the same time
    std::vector<ChangeRequest> changes;  // if there are any, one of each member is made instead, and none needs another
    Worker::Job check;                   // of all, before anything is done: what it refuses is refused as a whole
};

// A GroupRequest on its way.
struct GroupChange {
    GroupRequest request;
    std::optional<Reply> reply;  // until `check` is done
    std::vector<uint32_t> jobs;  // of the members, in their order
    uint64_t since = 0;          // µs of CLOCK_MONOTONIC: the first was asked to stand still
    size_t waiting = 0;          // for supervisors' answers
    size_t next = 0, copying = 0;
    std::optional<Error> why;  // it has failed, and all of it is taken back
    std::unique_ptr<Worker> worker;
};

}  // namespace holm::daemon
