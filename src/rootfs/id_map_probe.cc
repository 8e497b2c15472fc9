#include "rootfs/id_map_probe.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "kernel/idmap.h"
#include "kernel/mount.h"
#include "kernel/namespace.h"
#include "kernel/process.h"
#include "machine/id_range.h"

namespace holm::rootfs {

namespace {

// A user namespace needs a process only while it is made; the descriptor keeps it.
Result<Fd> make_user_namespace()
{
    kernel::Child child = TRY(kernel::clone_process(CLONE_NEWUSER), "cannot make a user namespace");
    if (child.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) pause();  // until it is killed below
    }
    Result<> mapped = kernel::write_id_maps(child.pid, 524288, machine::range_size);
    Result<Fd> made = mapped ? kernel::open_user_namespace(child.pid) : Result<Fd>(mapped.error());
    TRY(kernel::signal_process(child.pidfd.get(), SIGKILL));  // not waited for: that takes longer than all else, and we end soon
    return made;
}

}  // namespace

Result<bool> IdMapProbe::can_be_mapped(int file)
{
    if (!namespace_) namespace_ = TRY(make_user_namespace());
    Fd copy = TRY(kernel::clone_mount(file, kernel::Subtree::Alone));
    Result<> mapped = kernel::change_mount(copy.get(), {.user_namespace = namespace_.get()});
    if (mapped) return true;
    // EINVAL: the file system cannot; EPERM: it is of another user namespace, or its mount is id-mapped already (mount_setattr(2)).
    if (mapped.error().sys_errno == EINVAL || mapped.error().sys_errno == EPERM) return false;
    return mapped.error();
}

}  // namespace holm::rootfs
