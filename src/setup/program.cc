#include "setup/program.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "kernel/mount.h"
#include "kernel/process.h"

namespace holm::setup {

Result<> open_standard_descriptors()
{
    for (int fd = 0; fd < 3; ++fd)
        if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) < 0) return sys_error("cannot open '/dev/null'");
    return {};
}

Result<> protect_program(char** arguments)
{
    Fd self = TRY(open_file("/proc/self/exe", O_PATH));
    if (TRY(kernel::is_read_only(self.get()))) return {};
    Fd copy = TRY(kernel::clone_mount(self.get(), kernel::Subtree::Alone));
    TRY(kernel::change_mount(copy.get(), {.attributes = MOUNT_ATTR_RDONLY, .make_private = true}));
    ::execveat(copy.get(), "", arguments, environ, AT_EMPTY_PATH);
    return sys_error("cannot run itself again");
}

// Without CAP_SYS_RESOURCE it stays what it is.
rlimit raise_file_limit()
{
    constexpr rlim_t enough = 4096;  // a source of each mount is held open
    rlimit before{};
    if (::getrlimit(RLIMIT_NOFILE, &before) || before.rlim_cur >= enough) return before;
    const rlimit raised{.rlim_cur = enough, .rlim_max = before.rlim_max > enough ? before.rlim_max : enough};
    if (::setrlimit(RLIMIT_NOFILE, &raised)) {
        const rlimit all{.rlim_cur = before.rlim_max, .rlim_max = before.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &all);
    }
    return before;
}

void reset_process()
{
    kernel::reset_signals();
    ::umask(0);
    ::setpriority(PRIO_PROCESS, 0, 0);  // without CAP_SYS_NICE it stays where it was
    sched_param parameter{};
    ::sched_setscheduler(0, SCHED_OTHER, &parameter);
}

}  // namespace holm::setup
