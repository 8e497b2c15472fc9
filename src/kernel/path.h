// Path: files opened by openat2(2), so that nobody who owns a tree can lead root out of it. Effects: opens and creates; outside and inside.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"

namespace holm::kernel {

// What becomes of symbolic links on the way. Magic links of /proc are never followed.
enum class Links {
    Inside,  // followed as the machine would: within `root`, whatever they say (RESOLVE_IN_ROOT)
    Refuse,  // an error (ELOOP): for the folders that are holm's own, /dev, /proc, /sys, /run
};

// Opens `path` below the folder `root`; both "/etc" and "etc" are its etc. O_CLOEXEC is added. Errors: those of openat2(2).
Result<Fd> open_in_root(int root, std::string_view path, int flags, Links links, unsigned mode = 0);

// Opens an absolute path of the host, as a source of a mount or to read it: links are followed, magic links refused, nothing waited for.
Result<Fd> open_source(const std::string& path, int flags);

// The folder `path` below `root`, made with the folders above it where missing, and opened with O_PATH. A name is created in
// the folder that was opened before it, and opened again without following a link: none can be put in its place.
Result<Fd> make_folder_in_root(int root, std::string_view path, Links links, unsigned mode = 0755);
// The same for an empty file, to mount upon; an existing one may be anything but a folder.
Result<Fd> make_file_in_root(int root, std::string_view path, Links links, unsigned mode = 0644);

// The content of a regular file, at most `limit` bytes; a fifo, device or folder is refused without waiting for it.
// Errors: NotFound, Invalid (not a regular file, too large).
Result<std::string> read_in_root(int root, std::string_view path, size_t limit);
// The content of what `fd` has opened, by the same rules; `what` names it in errors.
Result<std::string> read_regular(int fd, std::string_view what, size_t limit);

// "attr/NAME" of this thread, to be written, by a /proc that may be covered by others: it is that of the kernel, or an error.
Result<Fd> open_own_attribute(std::string_view name);

// "/proc/self/fd/N": an open file as a path, for calls that take no descriptor. Only where /proc is the host's own.
std::string path_of_descriptor(int fd);

}  // namespace holm::kernel
