#include "kernel/seccomp.h"

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace holm::kernel {

Result<> load_filter(std::span<const sock_filter> program, LogRefused log)
{
    const sock_fprog loaded{static_cast<unsigned short>(program.size()), const_cast<sock_filter*>(program.data())};
    const unsigned flags = log == LogRefused::Yes ? SECCOMP_FILTER_FLAG_LOG : 0;
    if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &loaded)) return sys_error("cannot load a filter of system calls");
    return {};
}

}  // namespace holm::kernel
