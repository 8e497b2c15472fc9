// What is fuzzed: each takes any bytes, and aborts where what must hold does not. tests/fuzz/run makes them larger corpora; the unit suite
// replays tests/fuzz/corpus.
#pragma once

#include <string_view>

namespace holm::fuzz {

// The reader of tar archives: entries, names, content. Needs no files but a memfd.
void tar(std::string_view bytes);
// Index, manifest, config and manifest.json of OCI images.
void oci_json(std::string_view bytes);
// The header of a package in a database of rpm.
void rpm_header(std::string_view bytes);
// The files of the image store: manifest, name, layer.toml, stack.toml. What is read is written, and read again as the same.
void manifest(std::string_view bytes);

// Definitions of machines and networks, and holm.toml. What is read is written, and read again as the same.
void definition(std::string_view bytes);
// The resolved plan that a supervisor is given.
void plan_file(std::string_view bytes);
// The small grammars: sizes, durations, ports, addresses, names, identifiers. What is taken reads back as the same.
void words(std::string_view bytes);
// os-release, passwd and group of a machine's root.
void users(std::string_view bytes);
// What the kernel answers to rtnetlink: links, routes, addresses.
void netlink(std::string_view bytes);

}  // namespace holm::fuzz
