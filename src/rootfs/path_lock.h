// The lock of a folder that machines use: one file of /run/holm/locks for each, whatever path leads to it. Effects: locks.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "kernel/lock_file.h"

namespace holm::rootfs {

// "/run/holm/locks/8:1:131073". Errors: NotFound.
Result<std::string> path_lock_file(const std::string& path);

// A lock that goes, with its file, when it is destroyed.
class PathLock {
public:
    // Errors: Busy, with the holder's name; NotFound.
    static Result<PathLock> take(const std::string& path, std::string_view holder);
    PathLock(PathLock&&) = default;
    PathLock& operator=(PathLock&&) = delete;
    ~PathLock();

private:
    PathLock(std::string file, Fd lock) : file_(std::move(file)), lock_(std::move(lock)) {}
    std::string file_;
    Fd lock_;
};

}  // namespace holm::rootfs
