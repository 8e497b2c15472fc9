// What is fuzzed: each takes any bytes, and aborts where what must hold does not. tests/fuzz/run makes them larger corpora; the unit suite
// replays tests/fuzz/corpus.
#pragma once

#include <string_view>

namespace holm::fuzz {

// The reader of tar archives: entries, names, content. Needs no files but a memfd.
void tar(std::string_view bytes);
// Index, manifest, config and manifest.json of OCI images.
void oci_json(std::string_view bytes);
// The files of the image store: manifest, name, layer.toml, stack.toml. What is read is written, and read again as the same.
void manifest(std::string_view bytes);

}  // namespace holm::fuzz
