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

}  // namespace

Result<kernel::Message> remove_image(const Job& job, const image::Store& store)
{
    const std::string name = TRY(image::parse_image_name(job.request().get("name")));
    {
        auto hold = TRY(store.lock(image::Holding::Alone));
        const image::Stored image = TRY(store.find(name));
        if (image.read_only) return error(Errc::Denied, "image '{}' is read-only: 'holmctl read-only {} no' changes that", name, name);
        TRY(check_unused(store, image));
        TRY(mark_leaving(store, image));
        TRY(remove_name(store, name));
        TRY(drop_unnamed(store));
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
