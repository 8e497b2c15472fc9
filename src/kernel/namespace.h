// Namespaces: entering and making them, and what must be written before a process is in them. Effects; outside and inside.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/fd.h"

namespace holm::kernel {

// unshare(2) with CLONE_NEW* flags.
Result<> unshare_namespaces(int flags);

// Joins all namespaces of `flags` of the process behind a pidfd at once (setns(2)): the user namespace first, by the kernel's own order.
Result<> join_namespaces(int pidfd, int flags);

struct ClockOffsets {
    std::optional<std::chrono::nanoseconds> boottime, monotonic;
};
// Puts the children of this process, not itself, in a time namespace with these offsets (time_namespaces(7)): before the clone, as
// the offsets of a namespace that has a process are final.
Result<> unshare_time(const ClockOffsets& offsets);

// The mount namespace of the process behind a pidfd, for who is to join it once it has given up the privileges that opening it takes.
Result<Fd> open_mount_namespace(int pidfd);
Result<> join_mount_namespace(int fd);

// The user namespace of a process, to id-map mounts with.
Result<Fd> open_user_namespace(int pid);

Result<> set_hostname(const std::string& name);

}  // namespace holm::kernel
