#include "store/export.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <vector>

#include "base/text.h"
#include "image/architecture.h"
#include "image/folder_names.h"
#include "image/pack.h"
#include "image/sha256.h"
#include "image/write_oci.h"
#include "kernel/path.h"
#include "rootfs/copy_tree.h"
#include "store/hash_layers.h"
#include "store/landing.h"
#include "store/merged_root.h"
#include "store/oci_layout.h"

namespace holm::store {

namespace {

using image::oci::Descriptor;

constexpr uint64_t progress_step = 16 << 20;

Result<image::Compression> compression_of(const Job& job)
{
    auto compression = image::parse_compression(job.request().get("compression"));
    if (!compression)
        return error(Errc::Invalid, "'{}' is no compression: uncompressed, gzip, xz, zstd or bzip2",
                     printable(job.request().get("compression"), 80));
    return *compression;
}

// Tells the progress, and stops where the job is cancelled.
image::GoOn reporting(const Job& job, uint64_t& done)
{
    return [&job, &done, reported = done](uint64_t bytes) mutable -> Result<> {
        done += bytes;
        if (done >= reported + progress_step) job.progress(reported = done);
        return job.go_on();
    };
}

Result<> check_writable(int output)
{
    const int flags = ::fcntl(output, F_GETFL);
    if (flags < 0 || (flags & O_PATH) || (flags & O_ACCMODE) == O_RDONLY)
        return error(Errc::Invalid, "what is to be written was not opened for writing");
    return {};
}

// One layer as a blob of the layout that is being made.
struct Blob {
    Descriptor descriptor;
    std::string diff_id;
};

class LayoutWriter {
public:
    LayoutWriter(const Job& job, const image::Store& store, int tree) : job_(job), store_(store), tree_(tree) {}

    // Gives the digest of the manifest.
    Result<std::string> write(image::Stored image, image::Compression compression)
    {
        if (image.manifest.architecture.empty()) image.manifest.architecture = image::own_architecture();
        if (::mkdirat(tree_, "blobs", 0755) || ::mkdirat(tree_, "blobs/sha256", 0755)) return sys_error("cannot make a layout");
        std::vector<Descriptor> layers;
        std::vector<std::string> diff_ids;
        for (auto id = image.manifest.layers.rbegin(); id != image.manifest.layers.rend(); ++id) {
            Blob blob = TRY(write_layer(*id, compression), fmt::format("layer '{}'", *id));
            layers.push_back(std::move(blob.descriptor));
            diff_ids.push_back(std::move(blob.diff_id));
        }
        const Descriptor config = TRY(write_text(image::oci::describe_config(image.manifest, diff_ids), image::oci::config_type));
        Descriptor manifest = TRY(write_text(image::oci::describe_manifest(config, layers), image::oci::manifest_type));
        manifest.reference = image.name;
        manifest.os = "linux";
        manifest.architecture = image.manifest.architecture;
        TRY(write_file("index.json", image::oci::describe_index(manifest)));
        TRY(write_file("oci-layout", R"({"imageLayoutVersion":"1.0.0"})"));
        return manifest.digest;
    }

private:
    Result<Blob> write_layer(const std::string& id, image::Compression compression)
    {
        const auto trees = TRY(store_.trees({id}));
        Fd tree = TRY(open_file(trees.front(), O_RDONLY | O_DIRECTORY));
        Fd output = TRY(open_at(tree_, "blobs/new", O_WRONLY | O_CREAT | O_TRUNC, 0644));
        auto go_on = reporting(job_, done_);
        const image::Packed packed =
            TRY(image::pack_tar({.tree = tree.get(), .output = output.get(), .compression = compression, .whiteouts = true}, go_on));
        TRY(name_blob(packed.digest));
        return Blob{
            .descriptor = {.media_type = std::string(image::oci::layer_type(compression)), .digest = packed.digest, .size = packed.size},
            .diff_id = packed.tar_digest};
    }

    Result<Descriptor> write_text(const std::string& text, std::string_view media_type)
    {
        TRY(write_file("blobs/new", text));
        Descriptor descriptor{.media_type = std::string(media_type), .digest = image::digest_of(text), .size = text.size()};
        TRY(name_blob(descriptor.digest));
        return descriptor;
    }

    Result<> write_file(const std::string& path, const std::string& text) const
    {
        Fd file = TRY(open_at(tree_, path, O_WRONLY | O_CREAT | O_TRUNC, 0644));
        return write_all(file.get(), text);
    }

    Result<> name_blob(const std::string& digest) const
    {
        const std::string path = "blobs/sha256/" + digest.substr(digest.find(':') + 1);
        if (::renameat(tree_, "blobs/new", tree_, path.c_str())) return sys_error("cannot write '{}'", path);
        return {};
    }

    const Job& job_;
    const image::Store& store_;
    int tree_;
    uint64_t done_ = 0;
};

Result<> check_empty(int folder)
{
    image::FolderNames names = TRY(image::FolderNames::read(folder));
    if (TRY(names.next())) return error(Errc::Exists, "the folder for the layout is not empty");
    return {};
}

}  // namespace

Result<kernel::Message> export_tar(const Job& job, const image::Store& store)
{
    const int output = TRY(job.input());
    TRY(check_writable(output));
    const image::Compression compression = TRY(compression_of(job));
    const std::string_view name = job.request().get("name");
    Fd hold = TRY(store.lock(image::Holding::Shared));
    const RootSource source = TRY(find_root(store, job.request()));
    const bool upper_alone = job.request().get("upper") == "1";
    if (upper_alone && source.own.empty()) return error(Errc::Invalid, "only a machine has an upper");
    Fd tree = TRY(upper_alone ? open_file(source.own.front(), O_RDONLY | O_DIRECTORY) : open_merged(store, source.folders));
    std::vector<Fd> sealed;
    for (size_t i = 1; upper_alone && i < source.own.size(); ++i) sealed.push_back(TRY(open_file(source.own[i], O_RDONLY | O_DIRECTORY)));
    const Presence presence = TRY(Presence::note(source.folders));
    hold.reset();
    uint64_t done = 0;
    auto go_on = reporting(job, done);
    image::PackInput input{.tree = tree.get(), .output = output, .compression = compression, .nanoseconds = true, .whiteouts = upper_alone};
    for (const Fd& layer : sealed) input.below.push_back(layer.get());
    const image::Packed packed = TRY(image::pack_tar(input, go_on));
    TRY(presence.check(name));
    kernel::Message answer("ok");
    answer.add("digest", packed.digest).add("size", static_cast<int64_t>(packed.size));
    return answer;
}

Result<kernel::Message> export_oci(const Job& job, const image::Store& store)
{
    const int output = TRY(job.input());
    const image::Compression compression = TRY(compression_of(job));
    if (image::oci::layer_type(compression).empty()) return error(Errc::Invalid, "layers of OCI are uncompressed, gzip or zstd");
    struct stat status;
    if (::fstat(output, &status)) return sys_error("cannot look at what is to be written");
    const bool as_folder = S_ISDIR(status.st_mode);
    if (as_folder) TRY(check_empty(output));
    else TRY(check_writable(output));
    const std::string_view name = job.request().get("name");
    const image::Stored image = TRY(store.find(name));
    const auto trees = TRY(store.trees(image.manifest.layers), fmt::format("image '{}'", name));
    const Presence presence = TRY(Presence::note(trees));
    TRY(hash_layers(job, store, image.manifest.layers));
    const Incoming stage = TRY(Incoming::make(store));
    std::string digest = TRY(LayoutWriter(job, store, stage.tree()).write(image, compression));
    TRY(presence.check(name));
    const auto go_on = [&job](uint64_t) { return job.go_on(); };
    if (as_folder) {
        Fd folder = TRY(kernel::open_in_root(output, "", O_RDONLY | O_DIRECTORY, kernel::Links::Refuse));
        TRY(rootfs::copy_tree(stage.tree(), folder.get(), [&job](const std::string&, const rootfs::Copied&) { return job.go_on(); }));
    } else digest = TRY(image::pack_tar({.tree = stage.tree(), .output = output}, go_on)).digest;
    return std::move(kernel::Message("ok").add("digest", digest));
}

}  // namespace holm::store
