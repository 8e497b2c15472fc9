#include "store/copy_image.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <optional>

#include "base/text.h"
#include "image/identifiers.h"
#include "image/pack.h"
#include "kernel/path.h"
#include "store/finish_image.h"
#include "store/hash_layers.h"
#include "store/landing.h"
#include "store/layer_index.h"
#include "store/merged_root.h"
#include "store/unpack_child.h"

namespace holm::store {

namespace {

constexpr const char* manifest_name = "image.toml";
constexpr size_t most_digests = 2000;  // of an answer: a message is bounded

std::string file_of(const std::string& hex)
{
    return fmt::format("layers/{}.tar.zst", hex);
}

std::string hex_of(const std::string& digest)
{
    return digest.substr(digest.find(':') + 1);
}

// Ids of layers by the hex digits of their digests.
Result<std::map<std::string, std::string>> index_digests(const image::Store& store)
{
    std::map<std::string, std::string> known;
    for (const std::string& id : TRY(list_layers(store)))
        if (auto info = store.read_layer(id); info && !info->digest.empty() && store.check_layer(id) && !store.is_damaged(id))
            known.try_emplace(hex_of(info->digest), id);
    return known;
}

image::GoOn go_on_of(const Job& job)
{
    return [&job](uint64_t) { return job.go_on(); };
}

// Beside the layers, before any of it is sent: an archive says how large a member is.
Result<> stage_layer(const Job& job, const image::Store& store, int stage, const std::string& id, const std::string& hex)
{
    const auto trees = TRY(store.trees({id}));
    Fd tree = TRY(open_file(trees.front(), O_RDONLY | O_DIRECTORY));
    Fd output = TRY(open_at(stage, file_of(hex), O_WRONLY | O_CREAT | O_EXCL, 0644));
    const image::PackInput input{
        .tree = tree.get(), .output = output.get(), .compression = image::Compression::Zstd, .nanoseconds = true, .whiteouts = true};
    TRY(image::pack_tar(input, go_on_of(job)));
    return {};
}

Result<> stage_image(const Job& job, const image::Store& store, int stage, const image::Stored& image)
{
    const auto there = job.request().get_all("there");
    image::Manifest manifest = image.manifest;
    if (::mkdirat(stage, "layers", 0755)) return sys_error("cannot make an archive");
    for (std::string& id : manifest.layers) {
        const std::string digest = TRY(store.read_layer(id)).digest, hex = hex_of(digest);
        if (std::ranges::find(there, digest) == there.end()) TRY(stage_layer(job, store, stage, id, hex), fmt::format("layer '{}'", id));
        id = hex;
    }
    Fd file = TRY(open_at(stage, manifest_name, O_WRONLY | O_CREAT | O_EXCL, 0644));
    return write_all(file.get(), image::describe_manifest(manifest));
}

// A layer that was sent.
struct Received {
    NewLayer layer;
    Incoming incoming;
};

Result<Received> receive_layer(const Job& job, const image::Store& store, int stage, const std::string& hex)
{
    auto file = kernel::open_in_root(stage, file_of(hex), O_RDONLY | O_NONBLOCK | O_NOCTTY, kernel::Links::Refuse);
    if (!file) return error(Errc::Invalid, "the layer {} is neither here nor in what was sent", hex);
    Incoming incoming = TRY(Incoming::make(store));
    DigestChild digest = TRY(DigestChild::start(incoming));
    TRY(unpack_confined(job, incoming, file->get(), image::Whiteouts::Oci, digest.names()));
    NewLayer layer = TRY(digest.finish(job, incoming));
    if (layer.id != hex) return error(Errc::Invalid, "the layer {} has another content: its digest is {}", hex, layer.id);
    return Received{.layer = std::move(layer), .incoming = std::move(incoming)};
}

}  // namespace

Result<kernel::Message> list_digests(const image::Store& store)
{
    kernel::Message answer("ok");
    for (auto& [hex, id] : TRY(index_digests(store)))
        if (answer.fields.size() < most_digests) answer.add("layer", "sha256:" + hex);
    return answer;
}

Result<kernel::Message> send_image(const Job& job, const image::Store& store)
{
    const int output = TRY(job.input());
    Fd hold = TRY(store.lock(image::Holding::Shared));
    const image::Stored image = TRY(store.find(job.request().get("name")));
    const std::string_view name = job.request().get("name");
    const auto trees = TRY(store.trees(image.manifest.layers), fmt::format("image '{}'", name));
    const Presence presence = TRY(Presence::note(trees));
    hold.reset();
    TRY(hash_layers(job, store, image.manifest.layers));
    const Incoming stage = TRY(Incoming::make(store));
    TRY(stage_image(job, store, stage.tree(), image));
    TRY(presence.check(name));
    TRY(image::pack_tar({.tree = stage.tree(), .output = output}, go_on_of(job)));
    return std::move(kernel::Message("ok").add("digest", image.digest));
}

Result<kernel::Message> receive_image(const Job& job, const image::Store& store)
{
    const Target target = TRY(read_target(job.request()));
    const int input = TRY(job.input());
    TRY(check_target(store, target));
    const Incoming stage = TRY(Incoming::make(store));
    TRY(unpack_confined(job, stage, input, image::Whiteouts::AsFiles));
    const std::string text = TRY(kernel::read_in_root(stage.tree(), manifest_name, image::max_manifest), "what was sent is no image");
    image::Manifest manifest = TRY(image::parse_manifest(text, manifest_name));

    const auto known = TRY(index_digests(store));
    std::map<std::string, Received> received;
    for (const std::string& hex : manifest.layers) {
        if (known.contains(hex) || received.contains(hex)) continue;
        Received one = TRY(receive_layer(job, store, stage.tree(), hex));
        received.emplace(hex, std::move(one));
    }
    auto hold = TRY(store.lock(image::Holding::Alone));
    TRY(check_target(store, target));
    for (auto& [hex, one] : received) TRY(one.incoming.land(store, hex, one.layer.info));
    for (std::string& id : manifest.layers)
        if (auto here = known.find(id); here != known.end()) id = here->second;
    TRY(store.trees(manifest.layers));  // one may have gone meanwhile
    return std::move(kernel::Message("ok").add("digest", TRY(name_image(store, target, std::move(manifest)))));
}

}  // namespace holm::store
