#include "daemon/disk_images.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/fd.h"
#include "base/text.h"
#include "image/architecture.h"
#include "image/disk_parts.h"
#include "image/probe_disk.h"
#include "kernel/path.h"
#include "rootfs/disk.h"
#include "rootfs/observe_folder.h"

namespace holm::daemon {

namespace {

using rootfs::Disk;

bool is_called_image(std::string_view path)
{
    return std::ranges::any_of(rootfs::image_endings, [&](std::string_view ending) { return path.ends_with(ending); });
}

Result<Disk> probe(int file, const std::string& path)
{
    const image::Disk found = TRY(image::probe_disk(file));
    const std::vector<image::Part> parts = TRY(image::choose_parts(found, image::own_architecture()));
    if (parts.size() > 1)
        return error(Errc::NotSupported, "its root is in {} partitions: 'holmctl import-raw' makes one tree of them", parts.size());
    const image::Part& root = parts.front();
    const std::string found_in = TRY(image::probe_file_system(file, root));
    image::Reader reader = TRY(image::reader_of(root, found_in));
    return Disk{.path = path, .type = std::move(reader.type), .options = std::move(reader.options), .begin = root.begin, .size = root.size};
}

// Gathers the disks of one machine.
class Search {
public:
    explicit Search(const DisksRequest& request) : request_(request) {}
    Result<std::vector<Disk>> run();

private:
    Result<> add_layer(const std::string& path, const std::string& key);
    Result<> add_mount(size_t index);
    Result<> add(int file, const std::string& path);
    Result<Fd> open(const std::string& path, int flags) const
    {
        request_.looking_at(path);
        return kernel::open_source(path, flags);
    }

    const DisksRequest& request_;
    std::vector<Disk> disks_;
};

Result<> Search::add(int file, const std::string& path)
{
    if (rootfs::find_disk(disks_, path)) return {};
    disks_.push_back(TRY(probe(file, path), fmt::format("'{}'", printable(path))));
    return {};
}

Result<> Search::add_layer(const std::string& path, const std::string& key)
{
    struct stat status;
    auto found = open(path, O_PATH);
    if (!found || ::fstat(found->get(), &status) || !S_ISREG(status.st_mode)) return {};
    auto file = open(path, O_RDONLY);
    auto added = file ? add(file->get(), path) : Result<>(file.error());
    if (added || !is_called_image(path)) return {};
    return with_context(added.error(),
                        fmt::format("root of machine '{}'{}", request_.spec.name.text(), describe_origin(request_.spec, key)));
}

Result<> Search::add_mount(size_t index)
{
    const machine::MountSpec& mount = request_.spec.mounts[index];
    if (mount.type != machine::MountType::Image) return {};
    const std::string key = fmt::format("mount[{}].source", index), origin = describe_origin(request_.spec, key);
    auto file = open(mount.source, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!file && file.error().sys_errno == ENOENT) {
        if (mount.optional) return {};
        return error(Errc::NotFound, "the source '{}' of mount[{}] does not exist{}", printable(mount.source), index, origin);
    }
    struct stat status;
    auto added = !file ? Result<>(file.error())
                 : ::fstat(file->get(), &status) || !S_ISREG(status.st_mode)
                     ? Result<>(error(Errc::Invalid, "'{}' is no file: a folder is mounted by type = \"bind\"", printable(mount.source)))
                     : add(file->get(), mount.source);
    return added ? added : Result<>(with_context(added.error(), fmt::format("the source of mount[{}]{}", index, origin)));
}

Result<std::vector<Disk>> Search::run()
{
    const machine::RootSpec& root = request_.spec.root;
    if (!root.path.empty()) TRY(add_layer(root.path, "root.path"));
    for (size_t i = 0; i < root.lower.size(); ++i) TRY(add_layer(root.lower[i], fmt::format("root.lower[{}]", i)));
    for (const std::string& layer : request_.image_layers) TRY(add_layer(layer, "root.image"));
    for (size_t i = 0; i < request_.spec.mounts.size(); ++i) TRY(add_mount(i));
    return std::move(disks_);
}

}  // namespace

Result<std::vector<rootfs::Disk>> observe_disks(const DisksRequest& request)
{
    return Search(request).run();
}

}  // namespace holm::daemon
