// Program: what holm-setup does to itself before it does anything else. Effects; outside.
#pragma once

#include <sys/resource.h>

#include "base/error.h"

namespace holm::setup {

// Opens /dev/null where a standard descriptor is closed: one that arrives later must not become one by chance.
Result<> open_standard_descriptors();

// Runs this program again from a read-only mount of its own file, unless that is what runs, as the supervisor sees to. A guest can have
// /proc/self/exe run again as an interpreter and then write to it where its root is the host's (CVE-2019-5736): to this mount nobody can.
Result<> protect_program(char** arguments);

// What the supervisor has changed for itself and the payload would inherit: signals, priority; and an empty umask, so that modes are exact.
void reset_process();

// As many open files as a machine of any size takes, whatever its unit allows; answers what that is, which the payload is to have.
rlimit raise_file_limit();

}  // namespace holm::setup
