// Confinement of the process that reads an archive: it sees one folder, has no network, may write files of any owner, and nothing
// else. Effects: on the calling process, which is a child made for it in namespaces of its own (confined_namespaces).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holm::image {

// For clone_process.
extern const uint64_t confined_namespaces;

// From here on the folder at that path of the host is the root, mounted nosuid, nodev and noexec; only the capabilities that owners and
// modes of files need are left, and a filter of the few system calls that are. Memory is bounded. Every descriptor stays as it is.
Result<> confine_to(const std::string& folder);

// In the child: lowers the bound, once it is known what an archive is packed with, to what that needs. Windows of xz and zstd are their
// archives' own; all else is small.
Result<> bound_memory(std::string_view compression);

}  // namespace holm::image
