#include "kernel/idmap.h"

#include <sched.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "kernel/capability.h"
#include "kernel/namespace.h"
#include "kernel/process.h"

namespace holm::kernel {

namespace {

Result<> write_maps(pid_t pid, const std::string& users, const std::string& groups)
{
    TRY(write_value(fmt::format("/proc/{}/uid_map", pid), users), "id map");
    return write_value(fmt::format("/proc/{}/gid_map", pid), groups);
}

}  // namespace

Result<> write_id_maps(pid_t pid, uint32_t base, uint32_t count)
{
    const std::string map = fmt::format("0 {} {}", base, count);
    return write_maps(pid, map, map);
}

// A user namespace needs a process only while it is made; the descriptor keeps it.
Result<Fd> make_id_map(const std::string& users, const std::string& groups)
{
    Child child = TRY(clone_process(CLONE_NEWUSER), "cannot make a user namespace");
    if (child.pid == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) ::pause();  // until it is killed below
    }
    Result<> mapped = write_maps(child.pid, users, groups);
    Result<Fd> made = mapped ? open_user_namespace(child.pid) : Result<Fd>(mapped.error());
    TRY(signal_process(child.pidfd.get(), SIGKILL));  // not waited for: that takes longer than all else, and we end soon
    return made;
}

Result<> act_on_files_as(uint32_t id)
{
    ::setfsgid(id);
    ::setfsuid(id);
    // Neither reports an error: asked for an id that is none, each answers with the one in force (setfsuid(2)).
    if (static_cast<uint32_t>(::setfsgid(UINT32_MAX)) != id || static_cast<uint32_t>(::setfsuid(UINT32_MAX)) != id)
        return error(Errc::Failed, "cannot make files as user {}", id);
    return raise_permitted_capabilities();
}

}  // namespace holm::kernel
