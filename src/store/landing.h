// What is put into the store and taken out of it: all of it as single renames, with fsync before and after. Applies; outside, in the
// store's process.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "image/manifest.h"
#include "image/store.h"

namespace holm::store {

// A folder layers/.incoming-… in which a layer is made, with its `tree` in it; locked while this lives. What has not landed is removed.
class Incoming {
public:
    static Result<Incoming> make(const image::Store& store);
    Incoming(Incoming&& other) noexcept
        : parent_(std::move(other.parent_)),
          name_(std::exchange(other.name_, {})),
          folder_(std::move(other.folder_)),
          tree_(std::move(other.tree_))
    {
    }
    Incoming& operator=(Incoming&&) = delete;
    ~Incoming();

    int folder() const { return folder_.get(); }
    int tree() const { return tree_.get(); }
    std::string folder_path() const { return parent_ + "/" + name_; }
    std::string tree_path() const { return parent_ + "/" + name_ + "/tree"; }
    // A file without a name beside the tree.
    Result<Fd> make_file() const;

    // Becomes layers/ID, or goes where that is there already. All of it must be on disk. The caller holds the store's lock; the layer is
    // marked until it has an image (store/unnamed.h).
    Result<> land(const image::Store& store, std::string_view id, const image::LayerInfo& info);

private:
    Incoming() = default;
    std::string parent_, name_;  // "" = landed
    Fd folder_, tree_;
};

// What lies in the folder `from` becomes the layer `id`, which nobody has hashed yet; a link to it stays in its place. Of the same file
// system. Takes the same time whatever is in it; a death in between is made good by the next call, or by drop_unfinished. The caller holds
// the store's lock alone.
Result<> move_layer(const image::Store& store, const std::string& from, const std::string& id);
// Layers that a move has made and not filled. The caller holds the store's lock alone.
Result<> drop_unfinished(const image::Store& store);

// Makes all that was written below a folder survive a power cut (syncfs(2)).
Result<> sync_folder(int folder);

// Writes a manifest, marked until it has a name. The caller holds the store's lock. Gives its digest.
Result<std::string> write_manifest(const image::Store& store, const image::Manifest& manifest);
Result<> write_name(const image::Store& store, std::string_view name, const image::Name& value);
Result<> remove_name(const image::Store& store, std::string_view name);

// A layer is taken out of sight at once: layers/.removed-…; what it held is removed by clean().
Result<> drop_layer(const image::Store& store, std::string_view id);
// Removes what work that has ended has left in layers/, and what was dropped.
Result<> clean(const image::Store& store);

}  // namespace holm::store
