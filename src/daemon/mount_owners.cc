#include "daemon/mount_owners.h"

#include <pwd.h>

namespace holm::daemon {

void observe_mount_owners(const machine::Spec& spec, rootfs::Facts& facts)
{
    for (size_t i = 0; i < spec.mounts.size(); ++i) {
        if (spec.mounts[i].owner != machine::MountOwner::User) continue;
        if (const passwd* user = getpwnam(spec.mounts[i].owner_user.c_str()))
            facts.sources.at(i).owner = rootfs::HostUser{.uid = user->pw_uid, .gid = user->pw_gid};
    }
}

}  // namespace holm::daemon
