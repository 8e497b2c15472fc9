#include "image/confine.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <csignal>

#include "base/fd.h"
#include "base/handle.h"
#include "kernel/capability.h"
#include "kernel/mount.h"

namespace holm::image {

const uint64_t confined_namespaces = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;

namespace {

// Beside the window of a compression: xz -9 wants 64 MiB for it, zstd --ultra -22 and --long=27 128.
constexpr rlim_t own_memory = 40 << 20, largest_window = 128 << 20;

// What reading an archive and writing files takes, with what libc and libarchive do in between. No exec, no socket, no mapping of code.
constexpr int allowed_calls[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(fstatfs),
    SCMP_SYS(openat),
    SCMP_SYS(openat2),
    SCMP_SYS(mkdirat),
    SCMP_SYS(mknodat),
    SCMP_SYS(symlinkat),
    SCMP_SYS(linkat),
    SCMP_SYS(unlinkat),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fchown),
    SCMP_SYS(fchownat),
    SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat),
    SCMP_SYS(utimensat),
    SCMP_SYS(fsetxattr),
    SCMP_SYS(setxattr),
    SCMP_SYS(lsetxattr),
    SCMP_SYS(getdents64),
    SCMP_SYS(readlinkat),
    SCMP_SYS(copy_file_range),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(umask),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(tgkill),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(fcntl),
    SCMP_SYS(sched_yield),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
};

Result<> add_filter()
{
    Handle<void, seccomp_release> filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)));
    if (!filter) return error(Errc::Failed, "cannot make a filter of system calls");
    for (int call : allowed_calls)
        if (int r = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0); r < 0)
            return errno_error(-r, "cannot add system call {} to a filter", call);
    const scmp_arg_cmp no_code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    // What is written by a mapping of a file is not seen by its times, which HashedFiles relies on.
    const scmp_arg_cmp private_only = SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_SHARED, 0);
    int added = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, no_code);
    if (added == 0) added = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, no_code, private_only);
    if (added < 0) return errno_error(-added, "cannot add a rule to a filter");
    // To lower limits: to raise them takes a capability that is gone.
    if (int r = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A0(SCMP_CMP_EQ, 0)); r < 0)
        return errno_error(-r, "cannot add a rule to a filter");
    if (int r = seccomp_load(filter.get()); r < 0) return errno_error(-r, "cannot load a filter of system calls");
    return {};
}

// pivot_root(".", "."): the old root lies over the new one and is taken off (pivot_root(2)). By path: a descriptor from before the
// namespace is of a mount that is not in it.
Result<> enter_root(const std::string& path)
{
    TRY(kernel::make_mounts_slave());
    Fd folder = TRY(open_file(path, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    Fd tree = TRY(kernel::clone_mount(folder.get(), kernel::Subtree::Alone));
    TRY(kernel::change_mount(tree.get(), {.attributes = kernel::no_suid_dev_exec, .make_private = true}));
    TRY(kernel::attach_mount(tree.get(), folder.get()));
    if (::fchdir(tree.get()) || ::syscall(SYS_pivot_root, ".", ".") || ::umount2(".", MNT_DETACH) || ::chdir("/"))
        return sys_error("cannot enter the folder of a new layer");
    return {};
}

Result<> keep_capabilities(uint64_t kept)
{
    TRY(kernel::bound_capabilities(kept));
    return kernel::set_capabilities({.effective = kept, .permitted = kept});
}

Result<> limit(__rlimit_resource what, rlim_t value)
{
    const rlimit both{value, value};
    if (::setrlimit(what, &both)) return sys_error("cannot set a limit");
    return {};
}

}  // namespace

Result<> confine_to(const std::string& folder)
{
    TRY(enter_root(folder));
    TRY(limit(RLIMIT_DATA, own_memory + largest_window));
    TRY(limit(RLIMIT_CORE, 0));
    auto bit = [](int number) { return uint64_t{1} << number; };
    TRY(keep_capabilities(bit(CAP_CHOWN) | bit(CAP_DAC_OVERRIDE) | bit(CAP_FOWNER) | bit(CAP_FSETID) | bit(CAP_SETFCAP)));
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return sys_error("cannot give up privileges");
    return add_filter();
}

Result<> bound_memory(std::string_view compression)
{
    return compression == "xz" || compression == "zstd" ? Result<>() : limit(RLIMIT_DATA, own_memory);
}

}  // namespace holm::image
