#include "store/remove.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/text.h"
#include "image/identifiers.h"
#include "rootfs/beside.h"
#include "store/landing.h"
#include "store/references.h"
#include "store/unnamed.h"

namespace holm::store {

namespace {

Result<> check_unused(const image::Store& store, const image::Stored& image)
{
    const auto dependants = TRY(find_dependants(store, image));
    if (dependants.empty()) return {};
    return error(Errc::Busy, "image '{}' is in use: {}", image.name, fmt::join(dependants, "; "));
}

Result<> remove_whole(const image::Store& store, const image::Stored& image)
{
    if (image.read_only)
        return error(Errc::Denied, "image '{}' is read-only: 'holmctl read-only {} no' changes that", image.name, image.name);
    TRY(check_unused(store, image));
    TRY(mark_leaving(store, image));
    return remove_name(store, image.name);
}

// A name that leads to no image any more. Which layers it had nobody knows: they go with the next `prune`.
Result<> remove_damaged(const image::Store& store, const std::string& name)
{
    image::Stored image;
    image.name = name;
    if (auto named = store.read_name(name)) image.digest = std::move(named->manifest);
    TRY(check_unused(store, image));
    return remove_name(store, name);
}

}  // namespace

Result<kernel::Message> remove_image(const Job& job, const image::Store& store)
{
    const std::string name = TRY(image::parse_image_name(job.request().get("name")));
    {
        auto hold = TRY(store.lock(image::Holding::Alone));
        const auto image = store.find(name);
        if (!image && image.error().code != Errc::Invalid) return image.error();
        TRY(image ? remove_whole(store, *image) : remove_damaged(store, name));
        static_cast<void>(drop_unnamed(store));  // where another name is damaged, once that is gone
    }
    TRY(clean(store));
    return kernel::Message("ok");
}

Result<kernel::Message> clean_up(const image::Store& store)
{
    Result<> dropped;
    {
        auto hold = TRY(store.lock(image::Holding::Alone));
        TRY(drop_unfinished(store));
        remove_torn(store);
        dropped = drop_unnamed(store);
    }
    TRY(clean(store));
    for (const std::string& place : {store.images(), std::string("/var/lib/machines")})
        if (auto folder = open_file(place, O_PATH | O_DIRECTORY)) TRY(rootfs::remove_unfinished(folder->get()));
    TRY(dropped);
    return kernel::Message("ok");
}

}  // namespace holm::store
