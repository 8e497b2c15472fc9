// What has landed in the store and has no image yet, and what an image leaves that goes: marked meanwhile, so that what work leaves that
// ends in between is told from what somebody keeps. Applies. The caller holds the store's lock alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "image/store.h"

namespace holm::store {

// The layer whose folder this is, which is about to land.
Result<> mark_layer(int folder);
// The manifest, which is about to be written.
Result<> mark_manifest(const image::Store& store, std::string_view digest);
// An image whose name is about to go, or to lead elsewhere.
Result<> mark_leaving(const image::Store& store, const image::Stored& image);
// A name leads to the manifest now, and through it to the layers.
void note_named(const image::Store& store, std::string_view digest, const std::vector<std::string>& layers);

// Whether anything is marked; without the lock it may be of work that goes on.
bool has_unnamed(const image::Store& store);
// Takes away manifests and names that were being written.
void remove_torn(const image::Store& store);
// Takes away what is marked and nothing refers to, and the marks of the rest. Errors: where it cannot be told what refers to what; then all
// of it stays.
Result<> drop_unnamed(const image::Store& store);

}  // namespace holm::store
