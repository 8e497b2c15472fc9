#include "kernel/idmap.h"

#include <sys/fsuid.h>

#include "kernel/capability.h"

namespace holm::kernel {

Result<> write_id_maps(pid_t pid, uint32_t base, uint32_t count)
{
    const std::string map = fmt::format("0 {} {}", base, count);
    TRY(write_value(fmt::format("/proc/{}/uid_map", pid), map), "id map");
    return write_value(fmt::format("/proc/{}/gid_map", pid), map);
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
