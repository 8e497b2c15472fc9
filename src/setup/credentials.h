// Credentials: what the definition gives to the payload in secret, read or decrypted at each boot and kept in memory alone. Effects:
// reads, and runs systemd-creds(1); outside, before any namespace of the machine exists.
#pragma once

#include <vector>

#include "base/error.h"
#include "launch/plan.h"
#include "rootfs/apply_folders.h"

namespace holm::setup {

// Of each at most 1 MiB. What is encrypted (launch::is_encrypted) the host's systemd-creds decrypts, in a child that has 30 s for it.
// Errors: with the credential's name, never with what is in it.
Result<std::vector<rootfs::Credential>> read_credentials(const launch::Plan& plan);

}  // namespace holm::setup
