// The users of the host that own mounts of machines, by the host's name service: which may block. Observes; in a child of holmd.
#pragma once

#include "machine/spec.h"
#include "rootfs/facts.h"

namespace holm::daemon {

// Fills the owner of each of facts.sources whose mount has owner = "user:…"; of a name that nobody has it stays empty.
void observe_mount_owners(const machine::Spec& spec, rootfs::Facts& facts);

}  // namespace holm::daemon
