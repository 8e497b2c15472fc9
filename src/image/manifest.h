// The files of the image store as values: manifest, name, layer.toml, stack.toml; TOML ⇄ structs. Pure. Where they lie: image/store.h.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace holm::image {

inline constexpr size_t max_layers = 250;        // of an image; the kernel's own limit of an overlay is 500
inline constexpr size_t max_manifest = 1 << 20;  // bytes of any of these files

// How docker asks whether a payload does its work; without `test` the image says nothing of it. Times in nanoseconds; 0: docker's default.
struct Healthcheck {
    std::vector<std::string> test;  // "CMD", PROGRAM, …; "CMD-SHELL", LINE; "NONE"
    uint64_t interval = 0, timeout = 0, start_period = 0, start_interval = 0;
    uint64_t retries = 0;
    bool operator==(const Healthcheck&) const = default;
};

// What an image says of its payload, as an OCI image's config: the default of a machine that says nothing itself.
struct Config {
    std::vector<std::string> entrypoint, command;
    std::string user, working_directory;
    std::vector<std::pair<std::string, std::string>> environment;
    std::string stop_signal;                 // "SIGQUIT"
    std::vector<std::string> exposed_ports;  // "80/tcp"
    std::vector<std::string> volumes;        // paths inside
    std::map<std::string, std::string> labels;
    Healthcheck healthcheck;
    bool operator==(const Config&) const = default;
};

// An image: images/.manifests/HEX.toml, where HEX is the sha256 of that file's bytes. Never changed once written.
struct Manifest {
    std::vector<std::string> layers;                // ids, topmost first; 1 to max_layers
    std::string origin;                             // what it was made of: "tar", "folder", "oci docker.io/library/nginx:1.25"
    uint64_t created = 0;                           // seconds since 1970, when it was made here
    uint64_t size = 0;                              // bytes of files in its layers
    std::string architecture;                       // as OCI has it, "amd64"; "" = not known
    std::map<std::string, std::string> os_release;  // of its root: "PRETTY_NAME" → "Debian GNU/Linux 12 (bookworm)"
    Config config;
    bool operator==(const Manifest&) const = default;
};
std::string describe_manifest(const Manifest& manifest);
// Whether an image of these layers has all those of the other at its bottom: then it is the other with more done to it.
bool extends(const std::vector<std::string>& layers, const Manifest& other);
// Whether these layers are a later state of what the other was committed of, as its origin says: of a machine that runs each has a copy of
// all of its upper on top.
bool follows(const std::vector<std::string>& layers, std::string_view origin, const Manifest& other);
// `file` names the text in errors. Strict, as all files of holm. Errors of all parse_ here: Invalid.
Result<Manifest> parse_manifest(std::string_view text, std::string_view file);

// A name of an image: images/NAME.toml, replaced as one step when the name is given to another image.
struct Name {
    std::string manifest;    // digest
    bool read_only = false;  // may be neither removed nor replaced
    bool operator==(const Name&) const = default;
};
std::string describe_name(const Name& name);
Result<Name> parse_name(std::string_view text, std::string_view file);

// What is known of a layer besides its tree: layers/ID/layer.toml. May be written again when a digest has been computed.
struct LayerInfo {
    std::string digest;    // of its canonical content (image/layer_digest.h); "" = not computed yet, of a sealed layer
    std::string diff_id;   // of the uncompressed tar of an OCI image that it was made of; "" = none
    uint64_t size = 0;     // bytes of its files
    uint64_t entries = 0;  // files, folders and all else in it
    bool operator==(const LayerInfo&) const = default;
};
std::string describe_layer_info(const LayerInfo& info);
Result<LayerInfo> parse_layer_info(std::string_view text, std::string_view file);

// What the upper of a machine lies on, once it has been used: machines/NAME/stack.toml. From then on the machine keeps these
// layers, whatever becomes of the image's name. Written at the first start, and by what changes the stack (seal, rollback, rebase).
struct Stack {
    std::string reference;            // root.image as the definition had it
    std::string manifest;             // digest of the image that the lowest layers are those of
    std::vector<std::string> layers;  // ids, topmost first: those of the image
    std::vector<std::string> others;  // digests of images that it was moved to, or that an earlier state of it lies on
    bool operator==(const Stack&) const = default;
};
std::string describe_stack(const Stack& stack);
Result<Stack> parse_stack(std::string_view text, std::string_view file);

}  // namespace holm::image
