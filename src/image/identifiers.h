// The words of the image store: digests, ids of layers, references of images. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace holm::image {

// A digest: "sha256:" and 64 lower-case hex digits. Errors of all: Invalid.
Result<std::string> parse_digest(std::string_view text);

// A layer's id, which is the name of its folder: the 64 hex digits of its digest, or, of a layer that was sealed before anybody
// had hashed it, "r-" and 32 random hex digits. An id is for ever: a digest that is known later stands in the layer's layer.toml.
Result<std::string> parse_layer_id(std::string_view text);
// "r-…" of the id that a machine's sealed upper has in its history.
std::string id_of_sealed(std::string_view id);
bool is_drawn(std::string_view id);

// What a user calls an image: NAME, NAME:TAG, or the digest of its manifest. ":latest" is left away: NAME is NAME:latest.
Result<std::string> parse_reference(std::string_view text);
bool is_digest(std::string_view reference);

// The same for an image that is to be made: no digest.
Result<std::string> parse_image_name(std::string_view text);

// A name for what was made of the file, folder or OCI reference `path`: its last component without the endings of archives
// ("debian-12" of "/srv/debian-12.tar.zst"), made valid; "image" where nothing is left.
std::string name_of_path(std::string_view path);

}  // namespace holm::image
