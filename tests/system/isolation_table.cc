// isolation_table: what the process that runs it may do, a line each: system calls in three ABIs, capabilities, files of the kernel,
// devices, limits, namespaces. Static, so that it runs in any root. Each question is asked by a child of its own; none changes anything.
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <tuple>
#include <utility>

namespace {

constexpr long nonsense = -1;

// The name of an errno, "ok", or "SIGSEGV" and the like, of what `ask` says (0 or an errno) in a child.
template <typename Ask>
const char* answer_of(Ask ask)
{
    int ends[2];
    if (pipe(ends)) return "?";
    pid_t child = fork();
    if (child == 0) {
        int answer = ask();
        _exit(write(ends[1], &answer, sizeof answer) == sizeof answer ? 0 : 1);
    }
    close(ends[1]);
    int answer = -1, status = 0;
    ssize_t size = read(ends[0], &answer, sizeof answer);
    close(ends[0]);
    waitpid(child, &status, 0);
    if (size != sizeof answer) return WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : "?";
    return answer == 0 ? "ok" : strerrorname_np(answer);
}

int errno_of(long result)
{
    return result < 0 ? errno : 0;
}

struct Call {
    const char* name;
    long number;       // x86-64
    long number_i386;  // -1: none
};

#define CALL(name, number_i386) {#name, SYS_##name, number_i386}
// Given nonsense, each fails: EPERM and ENOSYS say that a filter, or a missing privilege, came first.
constexpr Call calls[] = {
    CALL(acct, 51),
    CALL(add_key, 286),
    CALL(adjtimex, 124),
    CALL(bpf, 357),
    CALL(capset, 185),
    CALL(chroot, 61),
    CALL(clock_settime, 264),
    CALL(create_module, 127),
    CALL(delete_module, 129),
    CALL(fanotify_init, 338),
    CALL(fanotify_mark, 339),
    CALL(finit_module, 350),
    CALL(fsconfig, 431),
    CALL(fsopen, 430),
    CALL(init_module, 128),
    CALL(io_setup, 245),
    CALL(io_uring_enter, 426),
    CALL(io_uring_register, 427),
    CALL(io_uring_setup, 425),
    CALL(ioperm, 101),
    CALL(iopl, 110),
    CALL(kcmp, 349),
    CALL(kexec_file_load, -1),
    CALL(kexec_load, 283),
    CALL(keyctl, 288),
    CALL(landlock_create_ruleset, 444),
    CALL(lookup_dcookie, 253),
    CALL(mbind, 274),
    CALL(memfd_create, 356),
    CALL(migrate_pages, 294),
    CALL(mlock, 150),
    CALL(modify_ldt, 123),
    CALL(mount, 21),
    CALL(mount_setattr, 442),
    CALL(move_mount, 429),
    CALL(move_pages, 317),
    CALL(name_to_handle_at, 341),
    CALL(open_by_handle_at, 342),
    CALL(open_tree, 428),
    CALL(openat2, 437),
    CALL(perf_event_open, 336),
    CALL(pidfd_getfd, 438),
    CALL(pivot_root, 217),
    CALL(pkey_alloc, 381),
    CALL(process_vm_readv, 347),
    CALL(process_vm_writev, 348),
    CALL(ptrace, 26),
    CALL(quotactl, 131),
    CALL(remap_file_pages, 257),
    CALL(request_key, 287),
    CALL(seccomp, 354),
    CALL(setdomainname, 121),
    CALL(sethostname, 74),
    CALL(setns, 346),
    CALL(settimeofday, 79),
    CALL(swapoff, 115),
    CALL(swapon, 87),
    CALL(sysfs, 135),
    CALL(syslog, 103),
    CALL(umount2, 52),
    CALL(unshare, 310),
    CALL(uselib, 86),
    CALL(userfaultfd, 374),
    CALL(ustat, 62),
    CALL(_sysctl, 149),
};
#undef CALL

#ifdef __x86_64__
int ask_i386(long number)
{
    if (number < 0) return ENOSYS;
    long result;
    asm volatile("int $0x80"
                 : "=a"(result)
                 : "a"(number), "b"(nonsense), "c"(nonsense), "d"(nonsense), "S"(nonsense), "D"(nonsense)
                 : "memory");
    return static_cast<int>(result) < 0 ? -static_cast<int>(result) : 0;
}
#endif

void print_calls()
{
    for (const Call& call : calls) {
        auto native = [&] { return errno_of(syscall(call.number, nonsense, nonsense, nonsense, nonsense, nonsense, nonsense)); };
        // What reaches the kernel differs by its version.
        auto reached = [](const char* answer) { return strcmp(answer, "EPERM") && strcmp(answer, "ENOSYS") ? "open" : answer; };
        printf("call %s %s", call.name, reached(answer_of(native)));
#ifdef __x86_64__
        printf(" i386 %s", reached(answer_of([&] { return ask_i386(call.number_i386); })));
        auto x32 = [&] { return errno_of(syscall(call.number | 0x40000000, nonsense, nonsense, nonsense, nonsense, nonsense, nonsense)); };
        printf(" x32 %s", reached(answer_of(x32)));
#endif
        printf("\n");
    }
    printf("call 1000 %s\n", answer_of([] { return errno_of(syscall(1000)); }));
}

void print_arguments()
{
    struct Family {
        const char* name;
        int number, type, protocol;
    };
    for (const Family& family : {Family{"AF_UNIX", AF_UNIX, SOCK_STREAM, 0},
                                 {"AF_INET", AF_INET, SOCK_STREAM, 0},
                                 {"AF_INET6", AF_INET6, SOCK_STREAM, 0},
                                 {"AF_NETLINK", AF_NETLINK, SOCK_RAW, NETLINK_ROUTE},
                                 {"AF_NETLINK-audit", AF_NETLINK, SOCK_RAW, NETLINK_AUDIT},
                                 {"AF_PACKET", AF_PACKET, SOCK_RAW, 0},
                                 {"AF_ALG", AF_ALG, SOCK_SEQPACKET, 0},
                                 {"AF_VSOCK", AF_VSOCK, SOCK_STREAM, 0},
                                 {"AF_KEY", AF_KEY, SOCK_RAW, 2},
                                 {"AF_BLUETOOTH", AF_BLUETOOTH, SOCK_RAW, 0},
                                 {"AF_CAN", AF_CAN, SOCK_RAW, 1},
                                 {"AF_XDP", AF_XDP, SOCK_RAW, 0}})
        printf("socket %s %s\n", family.name, answer_of([&] { return errno_of(socket(family.number, family.type, family.protocol)); }));
    printf("socket raw-inet %s\n", answer_of([] { return errno_of(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)); }));
    struct Request {
        const char* name;
        unsigned long number;
    };
    for (const Request& request : {Request{"TIOCSTI", TIOCSTI}, {"TIOCLINUX", TIOCLINUX}, {"TIOCSTI-64", TIOCSTI | 1UL << 32}})
        printf("ioctl %s %s\n", request.name, answer_of([&] { return errno_of(syscall(SYS_ioctl, nonsense, request.number, 0)); }));
    for (unsigned long kind : {0UL, 8UL, 0x20000UL, 0x20008UL, 0xffffffffUL, 0x40000UL, 0x400000UL})
        printf("personality %#lx %s\n", kind, answer_of([&] { return errno_of(syscall(SYS_personality, kind)); }));
    for (auto [name, mode, device] : {std::tuple("whiteout", S_IFCHR, 0U),
                                      {"memory", S_IFCHR, gnu_dev_makedev(1, 1)},
                                      {"null", S_IFCHR, gnu_dev_makedev(1, 3)},
                                      {"disk", S_IFBLK, gnu_dev_makedev(8, 0)}})
        printf("mknod %s %s\n", name, answer_of([=] {
                   int result = errno_of(mknod("/tmp/isolation_table.node", mode | 0600, device));
                   unlink("/tmp/isolation_table.node");
                   return result;
               }));
    for (auto [name, flag] : {std::pair("user", CLONE_NEWUSER), {"mount", CLONE_NEWNS}, {"net", CLONE_NEWNET}, {"pid", CLONE_NEWPID}}) {
        printf("unshare %s %s\n", name, answer_of([=] { return errno_of(unshare(flag)); }));
        printf("clone %s %s\n", name, answer_of([=] {
                   long child = syscall(SYS_clone, flag | SIGCHLD, 0, 0, 0, 0);
                   if (child == 0) _exit(0);
                   return errno_of(child);
               }));
    }
}

void print_capabilities()
{
    for (int number = 0; number <= 40; ++number)
        printf("capability %d %s\n", number, prctl(PR_CAPBSET_READ, number) == 1 ? "kept" : "gone");
    printf("no_new_privs %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

// "none", or how it opens: read, write.
void print_files()
{
    for (const char* path : {"/proc/acpi",
                             "/proc/asound",
                             "/proc/bus",
                             "/proc/fs",
                             "/proc/interrupts",
                             "/proc/iomem",
                             "/proc/ioports",
                             "/proc/irq",
                             "/proc/kallsyms",
                             "/proc/kcore",
                             "/proc/keys",
                             "/proc/kmsg",
                             "/proc/kpagecgroup",
                             "/proc/kpagecount",
                             "/proc/kpageflags",
                             "/proc/latency_stats",
                             "/proc/modules",
                             "/proc/sched_debug",
                             "/proc/scsi",
                             "/proc/slabinfo",
                             "/proc/sys/kernel/core_pattern",
                             "/proc/sys/vm/drop_caches",
                             "/proc/sysrq-trigger",
                             "/proc/timer_list",
                             "/proc/timer_stats",
                             "/proc/vmallocinfo",
                             "/sys/devices/virtual/powercap",
                             "/sys/firmware",
                             "/sys/fs/selinux",
                             "/sys/kernel/debug",
                             "/sys/kernel/security",
                             "/sys/kernel/tracing",
                             "/sys/kernel/uevent_helper"}) {
        struct stat status;
        bool there = stat(path, &status) == 0, folder = there && S_ISDIR(status.st_mode);
        bool hidden = !there;
        if (folder) {  // an empty one shows as little as none
            int fd = open(path, O_RDONLY | O_DIRECTORY);
            char entries[4096];
            long first = fd < 0 ? 0 : syscall(SYS_getdents64, fd, entries, sizeof entries);
            hidden = first <= 48;  // "." and ".."
        }
        bool writes = there && !folder && open(path, O_WRONLY) >= 0, reads = there && !hidden && open(path, O_RDONLY) >= 0;
        printf("file %s %s\n", path, writes ? "writable" : reads ? "readable" : "closed");
    }
}

void print_devices()
{
    for (const char* name : {"null", "zero", "full", "random", "urandom", "tty", "mem", "kmsg", "kvm", "fuse", "net/tun", "loop-control"}) {
        char path[64];
        snprintf(path, sizeof path, "/dev/%s", name);
        struct stat status;
        if (stat(path, &status)) printf("device %s none\n", name);
        else printf("device %s %u:%u %o\n", name, major(status.st_rdev), minor(status.st_rdev), status.st_mode & 0777U);
    }
}

void print_limits()
{
    for (auto [name, number] : {std::pair("CORE", RLIMIT_CORE), {"MEMLOCK", RLIMIT_MEMLOCK}, {"MSGQUEUE", RLIMIT_MSGQUEUE}}) {
        rlimit limit;
        if (!getrlimit(number, &limit)) printf("limit %s %lld\n", name, static_cast<long long>(limit.rlim_cur));
    }
}

}  // namespace

int main()
{
    setvbuf(stdout, nullptr, _IOLBF, 0);
    print_calls();
    print_arguments();
    print_capabilities();
    print_files();
    print_devices();
    print_limits();
}
