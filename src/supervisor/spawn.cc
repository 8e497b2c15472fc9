#include "supervisor/spawn.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "base/fd.h"
#include "kernel/mount.h"
#include "launch/channel.h"

namespace holm::supervisor {

namespace {

constexpr rlim_t enough_files = 4096;
rlimit descriptor_limit{};  // before raise_descriptor_limit

// In the child. Returns where something is missing.
void execute(const Spawn& program)
{
    constexpr int status = launch::channel::status_descriptor;
    std::vector<char*> arguments{const_cast<char*>(program.path.c_str())};
    for (const std::string& argument : program.arguments) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    kernel::reset_signals();
    if (descriptor_limit.rlim_cur) ::setrlimit(RLIMIT_NOFILE, &descriptor_limit);
    if (program.error_output >= 0 && ::dup2(program.error_output, STDERR_FILENO) < 0) return;
    // dup2 onto itself would leave it to be closed at exec.
    if (program.status == status ? ::fcntl(status, F_SETFD, 0) : program.status >= 0 && ::dup2(program.status, status) < 0) return;
    // From a read-only mount of its own file, to which nobody can write (protect_program of holm-setup).
    Fd file(::open(program.path.c_str(), O_PATH | O_CLOEXEC));
    auto mount = file ? kernel::clone_mount(file.get(), kernel::Subtree::Alone) : sys_error("cannot open '{}'", program.path);
    if (mount && kernel::change_mount(mount->get(), {.attributes = MOUNT_ATTR_RDONLY, .make_private = true}))
        ::execveat(mount->get(), "", arguments.data(), environ, AT_EMPTY_PATH);
    ::execv(program.path.c_str(), arguments.data());  // by hand, without the right to mount: it says so itself
}

}  // namespace

Result<kernel::Child> spawn(const Spawn& program)
{
    kernel::Child child = TRY(kernel::clone_process(0, program.cgroup), program.path);
    if (child.pid != 0) return child;
    execute(program);
    ::_exit(127);
}

void raise_descriptor_limit()
{
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit)) return;
    descriptor_limit = limit;
    // More than the unit's own limit, which is meant for the payload, takes CAP_SYS_RESOURCE.
    const rlimit raised{.rlim_cur = std::max(limit.rlim_max, enough_files), .rlim_max = std::max(limit.rlim_max, enough_files)};
    if (!::setrlimit(RLIMIT_NOFILE, &raised)) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace holm::supervisor
