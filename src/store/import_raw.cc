#include "store/import_raw.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "base/undo.h"
#include "image/architecture.h"
#include "image/attributes.h"
#include "image/disk_parts.h"
#include "image/expand.h"
#include "image/probe_disk.h"
#include "kernel/mount.h"
#include "kernel/path.h"
#include "rootfs/copy_tree.h"
#include "rootfs/disk.h"
#include "rootfs/remove.h"
#include "store/confined_child.h"
#include "store/finish_image.h"
#include "store/landing.h"
#include "store/oci_layout.h"

namespace holm::store {

namespace {

struct Source {
    image::Part part;
    image::Reader reader;
};

// A file that can be read anywhere: the one that was given, or what comes of it.
Result<Fd> make_plain(const Job& job, const Incoming& incoming, int given)
{
    struct stat status;
    if (::fstat(given, &status)) return sys_error("cannot look at the disk image");
    const bool regular = S_ISREG(status.st_mode);
    if (!regular && !S_ISFIFO(status.st_mode) && !S_ISSOCK(status.st_mode))
        return error(Errc::Invalid, "the disk image is neither a file nor a pipe");
    if (regular && !image::is_compressed(given)) return duplicate(given);
    Fd plain = TRY(incoming.make_file());
    const Limits limits = TRY(observe_limits(incoming.folder()));
    TRY(work_confined(job, incoming, {given, plain.get()}, regular ? static_cast<uint64_t>(status.st_size) : 0, [&](const Told& progress) {
        auto done = image::expand({.input = given, .output = plain.get(), .most_bytes = limits.bytes, .progress = progress});
        return done ? Result<kernel::Message>(kernel::Message("ok")) : Result<kernel::Message>(done.error());
    }));
    return plain;
}

// In the child, confined.
Result<kernel::Message> look_at(int disk, const std::string& architecture)
{
    kernel::Message found("ok");
    const image::Disk probed = TRY(image::probe_disk(disk));
    for (const image::Part& part : TRY(image::choose_parts(probed, architecture))) {
        found.add("folder", part.folder).add("number", int64_t{part.number}).add("begin", static_cast<int64_t>(part.begin));
        found.add("size", static_cast<int64_t>(part.size)).add("type", TRY(image::probe_file_system(disk, part)));
    }
    return found;
}

Result<std::vector<Source>> find_sources(const Job& job, const Incoming& incoming, int disk)
{
    const std::string architecture = image::own_architecture();  // uname(2) is none of the calls that are allowed there
    const kernel::Message found = TRY(work_confined(job, incoming, {disk}, 0, [&](const Told&) { return look_at(disk, architecture); }));
    std::vector<Source> sources;
    auto add = [&](std::string_view key, const std::string& value) -> Result<> {
        auto number = [&] { return std::strtoull(value.c_str(), nullptr, 10); };
        if (key == "folder") sources.push_back({.part = {.folder = value}, .reader = {}});
        if (sources.empty()) return error(Errc::Failed, "what was found in the disk image cannot be read");
        image::Part& part = sources.back().part;
        if (key == "number") part.number = static_cast<unsigned>(number());
        if (key == "begin") part.begin = number();
        if (key == "size") part.size = number();
        if (key == "type") sources.back().reader = TRY(image::reader_of(part, value));
        return {};
    };
    for (auto& [key, value] : found.fields) TRY(add(key, value));
    return sources;
}

// Its mounts are its own from here on, and go with it.
Result<> enter_own_mounts()
{
    if (::unshare(CLONE_NEWNS)) return sys_error("cannot make a mount namespace");
    return kernel::make_mounts_slave();
}

Result<Fd> mount_source(int disk, const Source& source)
{
    const rootfs::Disk part{
        .path = "", .type = source.reader.type, .options = source.reader.options, .begin = source.part.begin, .size = source.part.size};
    auto mount = rootfs::mount_disk(disk, part, kernel::no_suid_dev_exec | MOUNT_ATTR_NOATIME);
    if (mount || mount.error().sys_errno == ENODEV || mount.error().code == Errc::NotSupported) return mount;
    return with_context(mount.error(), fmt::format("the {} in {} is damaged or cut, or of a kind that this kernel cannot read",
                                                   source.reader.type, image::describe_part(source.part)));
}

// The folder of the layer that a part belongs in, empty: what another part has there is hidden by it.
Result<Fd> make_place(const Incoming& incoming, const std::string& folder)
{
    if (folder.empty()) return open_at(incoming.tree(), ".", O_RDONLY | O_DIRECTORY);
    TRY(rootfs::remove_tree(incoming.tree(), folder));
    if (::mkdirat(incoming.tree(), folder.c_str(), 0755)) return sys_error("cannot make the folder '{}'", folder);
    return open_at(incoming.tree(), folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

Result<> copy_source(const Job& job, const Incoming& incoming, int disk, const Source& source, rootfs::Copied& left_out)
{
    const std::string stand = incoming.folder_path() + "/source";
    if (::mkdir(stand.c_str(), 0700) && errno != EEXIST) return sys_error("cannot make '{}'", stand);
    {
        Fd mount = TRY(mount_source(disk, source));
        Fd target = TRY(open_file(stand, O_PATH | O_DIRECTORY | O_NOFOLLOW));
        TRY(kernel::attach_mount(mount.get(), target.get()));
    }
    const Undo detached([&] { ::umount2(stand.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW); });
    Fd from = TRY(open_file(stand, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    Fd to = TRY(make_place(incoming, source.part.folder));
    const Limits limits = TRY(observe_limits(incoming.tree()));
    struct statvfs used;
    if (::fstatvfs(from.get(), &used)) return sys_error("cannot look at the disk image");
    auto progress = [&](const std::string&, const rootfs::Copied& so_far) -> Result<> {
        if (so_far.bytes > limits.bytes || so_far.files > limits.entries)
            return error(Errc::Failed, "the disk image has more than the {} MiB or {} files that the image store has room for",
                         limits.bytes >> 20, limits.entries);
        job.progress(so_far.bytes, (used.f_blocks - used.f_bfree) * used.f_frsize);
        return job.go_on();
    };
    const rootfs::CopyRules rules{.devices = rootfs::CopyRules::Devices::None, .keeps = image::is_kept_attribute, .synced = false};
    const rootfs::Copied copied = TRY(rootfs::copy_tree(from.get(), to.get(), progress, rules));
    left_out.devices += copied.devices;
    left_out.attributes += copied.attributes;
    return {};
}

}  // namespace

Result<kernel::Message> import_raw(const Job& job, const image::Store& store)
{
    const Target target = TRY(read_target(job.request()));
    const int given = TRY(job.input());
    TRY(check_target(store, target));
    TRY(enter_own_mounts());
    Incoming incoming = TRY(Incoming::make(store));
    Fd disk = TRY(make_plain(job, incoming, given));
    rootfs::Copied left_out;
    for (const Source& source : TRY(find_sources(job, incoming, disk.get()))) TRY(copy_source(job, incoming, disk.get(), source, left_out));
    disk.reset();
    if (::unlinkat(incoming.folder(), "source", AT_REMOVEDIR)) return sys_error("cannot remove a folder of the new layer");
    DigestChild digest = TRY(DigestChild::start(incoming));
    kernel::Message done = TRY(finish_layer(job, store, target, std::move(incoming), std::move(digest)));
    done.add("devices", static_cast<int64_t>(left_out.devices)).add("attributes", static_cast<int64_t>(left_out.attributes));
    return done;
}

}  // namespace holm::store
