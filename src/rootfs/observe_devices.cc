#include "rootfs/observe_devices.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>

#include "base/fd.h"
#include "base/handle.h"
#include "base/text.h"
#include "kernel/path.h"
#include "machine/identifiers.h"

namespace holm::rootfs {

namespace {

constexpr size_t most_devices = 256;  // of one folder
constexpr int most_levels = 4;

class DeviceFolder {
public:
    DeviceFolder(const std::string& access, std::vector<Device>& found) : access_(access), found_(found) {}

    // A node, or all below a folder; what is neither is passed over, but not at the top.
    Result<> add(const std::string& path, int level)
    {
        Fd file = TRY(kernel::open_source(path, O_PATH));
        struct stat status;
        if (::fstat(file.get(), &status)) return sys_error("cannot look at '{}'", printable(path));
        if (S_ISDIR(status.st_mode)) return add_folder(path, level);
        if (!S_ISCHR(status.st_mode) && !S_ISBLK(status.st_mode))
            return level ? Result<>() : error(Errc::Invalid, "'{}' is no device", printable(path));
        if (found_.size() == most_devices) return error(Errc::Invalid, "has more than {} devices", most_devices);
        found_.push_back({.path = path,
                          .block = S_ISBLK(status.st_mode),
                          .major_number = major(status.st_rdev),
                          .minor_number = minor(status.st_rdev),
                          .uid = status.st_uid,
                          .gid = status.st_gid,
                          .mode = status.st_mode & 0777,
                          .access = access_});
        return {};
    }

private:
    Result<> add_folder(const std::string& path, int level)
    {
        if (level == most_levels) return {};
        Handle<DIR, closedir> folder(opendir(path.c_str()));
        if (!folder) return sys_error("cannot read '{}'", printable(path));
        std::vector<std::string> names;
        while (const dirent* entry = readdir(folder.get()))
            if (entry->d_name[0] != '.' && entry->d_type != DT_LNK) names.emplace_back(entry->d_name);
        std::ranges::sort(names);
        for (const std::string& name : names) TRY(add(fmt::format("{}/{}", path, name), level + 1));
        return {};
    }

    const std::string& access_;
    std::vector<Device>& found_;
};

}  // namespace

Result<std::vector<std::vector<Device>>> observe_devices(const machine::Spec& spec)
{
    std::vector<std::vector<Device>> all;
    for (size_t i = 0; i < spec.security.devices.size(); ++i) {
        const auto [path, access] = machine::split_device(spec.security.devices[i]);
        const std::string origin = describe_origin(spec, fmt::format("security.devices[{}]", i));
        auto added = DeviceFolder(access, all.emplace_back()).add(path, 0);
        if (!added && added.error().sys_errno == ENOENT)
            return error(Errc::NotFound, "the host has no device '{}'{}", printable(path), origin);
        if (!added) return error(added.error().code, "device '{}': {}{}", printable(path), added.error().text, origin);
    }
    return all;
}

}  // namespace holm::rootfs
