// The image store: where its files lie, and what they say. Observes, and takes its lock; outside. Everything in it is of root alone.
//
//   layers/ID/tree        a layer: a folder as overlayfs wants it (whiteouts are 0:0 devices, opaque folders have the extended
//                         attribute trusted.overlay.opaque = "y"); read by any number of machines, written by none
//   layers/ID/layer.toml  what is known of it (image/manifest.h: LayerInfo)
//   layers/ID/damaged     its content is another one than its digest says, as `fsck --deep` has found: the next import of it replaces it
//   layers/.NAME          work in progress: its folder is locked by flock(2) while anybody works on it, else it is litter
//   images/NAME.toml      a name of an image: the digest of its manifest (Name). NAME may have ":TAG" in it
//   images/.manifests/HEX.toml   a manifest (Manifest); HEX is the sha256 of the file
//   images/NAME           a plain folder, which is used as it is; not of the store
//   machines/NAME/stack.toml     the layers that a machine's upper lies on (Stack)
//
// A layer exists when layers/ID/tree is a folder. What was sealed of a machine's upper lies with the machine (rootfs/history.h) until it is
// committed: then layers/r-ID is made with a link in the place of its tree, and the two change places in one step (RENAME_EXCHANGE), so
// that the machine finds it under its old name at any moment. That link is what refers to it. What nothing refers to any more (no manifest
// of a name, no stack, no plan of a machine) is taken away by `prune` and `remove-image`; what has landed and never got its name
// (layers/ID/unnamed, HEX.toml.unnamed) when holmd starts. To add a layer and then what refers to it, hold
// the lock shared over both; to take layers away, hold it alone, look, rename what goes to layers/.removed-…, and let it go before the
// removal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/names.h"
#include "base/error.h"
#include "base/fd.h"
#include "image/manifest.h"

namespace holm::image {

// An image that a reference leads to.
struct Stored {
    std::string name;  // "" of one that was named by its digest
    std::string digest;
    Manifest manifest;
    bool read_only = false;
};

enum class Holding { Shared, Alone };

class Store {
public:
    explicit Store(std::string state = api::state_folder) : state_(std::move(state)) {}

    const std::string& state() const { return state_; }
    std::string layers() const { return state_ + "/layers"; }
    std::string layer(std::string_view id) const;  // the folder of the layer
    std::string tree(std::string_view id) const;
    std::string info(std::string_view id) const;  // layer.toml
    std::string images() const { return state_ + "/images"; }
    std::string manifests() const { return state_ + "/images/.manifests"; }
    std::string manifest(std::string_view digest) const;
    std::string name(std::string_view name) const;
    std::string stack(const machine::MachineName& machine) const;

    // Waits for whoever holds it otherwise, which is never long. The lock ends with the descriptor.
    Result<Fd> lock(Holding holding) const;

    // The image of a name, a name:tag or a digest. Errors: NotFound; Invalid, where the file of a name is damaged, or leads to no manifest
    // that can be read.
    Result<Stored> find(std::string_view reference) const;
    // What the file of a name says. Errors: NotFound; Invalid, where it is damaged.
    Result<Name> read_name(std::string_view name) const;
    // The names of all images of the store, sorted.
    Result<std::vector<std::string>> names() const;
    Result<Manifest> read_manifest(std::string_view digest) const;
    Result<LayerInfo> read_layer(std::string_view id) const;
    // What can be said of a layer without reading all of it. Errors: NotFound, where it is missing; Invalid, where its layer.toml is not
    // its.
    Result<> check_layer(std::string_view id) const;
    std::string damage_mark(std::string_view id) const;
    bool is_damaged(std::string_view id) const;
    // The stack of a machine. Errors: NotFound, where it has none.
    Result<Stack> read_stack(const machine::MachineName& machine) const;

    // The trees of layers, in their order, each checked. Errors: those of check_layer.
    Result<std::vector<std::string>> trees(const std::vector<std::string>& layers) const;

private:
    std::string state_;
};

// Where plain images, folders and files, are looked for by name; machinectl's are ours too.
const std::vector<std::string>& plain_places();

}  // namespace holm::image
