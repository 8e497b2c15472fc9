#include "store/hash_layers.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "base/text.h"
#include "image/layer_digest.h"
#include "store/landing.h"
#include "store/layer_index.h"

namespace holm::store {

namespace {

constexpr uint64_t progress_step = 64 << 20;
constexpr std::chrono::milliseconds patience{50};

// Until nobody else hashes it.
Result<Fd> lock_layer(const Job& job, const image::Store& store, const std::string& id)
{
    Fd folder = TRY(open_file(store.layer(id), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    while (::flock(folder.get(), LOCK_EX | LOCK_NB)) {
        if (errno != EWOULDBLOCK && errno != EINTR) return sys_error("cannot lock the layer '{}'", id);
        TRY(job.go_on());
        std::this_thread::sleep_for(patience);
    }
    return folder;
}

Result<> hash_layer(const Job& job, const image::Store& store, const std::string& id, uint64_t& done)
{
    if (!TRY(store.read_layer(id)).digest.empty()) return {};
    Fd folder = TRY(lock_layer(job, store, id));
    image::LayerInfo info = TRY(store.read_layer(id));
    if (!info.digest.empty()) return {};
    Fd tree = TRY(open_at(folder.get(), "tree", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    TRY(sync_folder(tree.get()));
    const image::Summary summary = TRY(image::digest_layer(tree.get(), [&](uint64_t bytes) {
        if ((done + bytes) / progress_step != done / progress_step) job.progress(done + bytes);
        done += bytes;
        return job.go_on();
    }));
    info.digest = "sha256:" + summary.hex;
    info.size = summary.size;
    info.entries = summary.entries;
    return replace_file(store.info(id), image::describe_layer_info(info), 0600);
}

}  // namespace

Result<> hash_layers(const Job& job, const image::Store& store, const std::vector<std::string>& layers)
{
    uint64_t done = 0;
    for (const std::string& id : layers) TRY(hash_layer(job, store, id, done), fmt::format("layer '{}'", id));
    return {};
}

Result<kernel::Message> hash_all(const Job& job, const image::Store& store)
{
    uint64_t done = 0;
    Result<> failed;
    for (const std::string& id : TRY(list_layers(store))) {
        if (!store.trees({id})) continue;  // it is being moved in
        auto hashed = hash_layer(job, store, id, done);
        if (hashed || hashed.error().code == Errc::NotFound) continue;  // it has gone meanwhile
        if (hashed.error().code == Errc::Busy) return hashed.error();
        failed = with_context(hashed.error(), fmt::format("layer '{}'", id));
    }
    if (!failed) return failed.error();
    return kernel::Message("ok");
}

}  // namespace holm::store
