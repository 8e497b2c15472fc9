#include "store/import.h"

#include <fcntl.h>
#include <unistd.h>

#include "image/attributes.h"
#include "kernel/path.h"
#include "rootfs/copy_tree.h"
#include "store/finish_image.h"
#include "store/landing.h"
#include "store/unpack_child.h"

namespace holm::store {

namespace {

bool has(int tree, const char* name)
{
    return ::faccessat(tree, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

// `docker save` and skopeo write such, and each of its blobs would be a plain file of a root that nothing can run.
Result<> refuse_archive_of_images(int tree)
{
    const bool is_root = has(tree, "usr") || has(tree, "bin") || has(tree, "etc");
    const char* sign = has(tree, "oci-layout") ? "oci-layout" : "manifest.json";
    if (is_root || !has(tree, sign)) return {};
    return error(Errc::Invalid, "this archive has images in it ('{}'), and no root: 'holmctl import-oci' takes it", sign);
}

}  // namespace

Result<kernel::Message> import_tar(const Job& job, const image::Store& store)
{
    const Target target = TRY(read_target(job.request()));
    const int archive = TRY(job.input());
    TRY(check_target(store, target));
    Incoming incoming = TRY(Incoming::make(store));
    DigestChild digest = TRY(DigestChild::start(incoming));
    const image::Unpacked unpacked = TRY(unpack_confined(job, incoming, archive, image::Whiteouts::AsFiles, digest.names()));
    TRY(refuse_archive_of_images(incoming.tree()));
    kernel::Message done = TRY(finish_layer(job, store, target, std::move(incoming), std::move(digest)));
    done.add("devices", static_cast<int64_t>(unpacked.devices)).add("attributes", static_cast<int64_t>(unpacked.attributes));
    return done;
}

Result<kernel::Message> import_folder(const Job& job, const image::Store& store)
{
    const Target target = TRY(read_target(job.request()));
    const int folder = TRY(job.input());
    TRY(check_target(store, target));
    // Opened anew: the descriptor may be one of O_PATH.
    Fd source = TRY(kernel::open_in_root(folder, "", O_RDONLY | O_DIRECTORY, kernel::Links::Refuse), "what is to be imported");
    Incoming incoming = TRY(Incoming::make(store));
    auto progress = [&job](const std::string&, const rootfs::Copied& so_far) -> Result<> {
        job.progress(so_far.bytes + so_far.shared);
        return job.go_on();
    };
    const rootfs::CopyRules rules{.devices = rootfs::CopyRules::Devices::None, .keeps = image::is_kept_attribute, .synced = false};
    const rootfs::Copied left_out = TRY(rootfs::copy_tree(source.get(), incoming.tree(), progress, rules));
    DigestChild digest = TRY(DigestChild::start(incoming));
    kernel::Message done = TRY(finish_layer(job, store, target, std::move(incoming), std::move(digest)));
    done.add("devices", static_cast<int64_t>(left_out.devices)).add("attributes", static_cast<int64_t>(left_out.attributes));
    return done;
}

}  // namespace holm::store
