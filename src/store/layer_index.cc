#include "store/layer_index.h"

#include <dirent.h>
#include <unistd.h>

#include "base/handle.h"
#include "image/identifiers.h"
#include "image/sha256.h"

namespace holm::store {

Result<std::vector<std::string>> list_layers(const image::Store& store)
{
    std::vector<std::string> ids;
    Handle<DIR, ::closedir> listing(::opendir(store.layers().c_str()));
    if (!listing && errno == ENOENT) return ids;
    if (!listing) return sys_error("cannot list '{}'", store.layers());
    while (const dirent* entry = ::readdir(listing.get()))
        if (auto id = image::parse_layer_id(entry->d_name)) ids.push_back(std::move(*id));
    return ids;
}

Result<std::map<std::string, std::string>> index_layers(const image::Store& store)
{
    std::map<std::string, std::string> known;
    for (const std::string& id : TRY(list_layers(store))) {
        auto info = store.read_layer(id);
        if (info && !info->diff_id.empty() && store.check_layer(id) && !store.is_damaged(id)) known.try_emplace(info->diff_id, id);
    }
    return known;
}

Result<std::string> digest_file(const Job& job, int file)
{
    image::Sha256 hash;
    std::string buffer(256 << 10, '\0');
    for (off_t at = 0;;) {
        const ssize_t got = ::pread(file, buffer.data(), buffer.size(), at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return sys_error("cannot read a layer");
        if (got == 0) return "sha256:" + image::describe_hex(hash.finish());
        hash.add({buffer.data(), static_cast<size_t>(got)});
        at += got;
        TRY(job.go_on());
    }
}

}  // namespace holm::store
