// The root of a machine that names an image: of the store, by name, name:tag or digest, with the layers that the machine's upper lies
// on; or a plain folder of that name. Observes; runs in the planner's child.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "image/store.h"
#include "machine/spec.h"

namespace holm::daemon {

struct ImageRoot {
    std::vector<std::string> layers;      // folders, topmost first
    bool stored = false;                  // of the store: nobody writes them
    std::optional<image::Stack> fresh;    // the stack to be kept with the machine, where it has none yet
    std::optional<image::Config> config;  // what the image says of its payload
    Fd hold;                              // of the store: what was found stays until the plan that names it is saved
};

// Errors: NotFound, which names every place that was looked in; Invalid (the machine's upper was made on another image).
Result<ImageRoot> observe_image_root(const machine::Spec& spec);

// Puts in place of mounts of images by name what they are mounted from: folders, or a file. What holds the store until the plan that
// names them is saved; none: no mount is of the store. Errors: NotFound, with the key.
Result<Fd> resolve_image_mounts(machine::Spec& spec);

// The image of the store on which what the machine has written lies, wherever a rebase has moved it: a name that leads to it, that of
// the definition before others, or its digest. "": it has written nothing yet, or lies on no image.
std::string find_image_below(const machine::Spec& spec);

// Whether there is an image of that name.
bool is_image(const std::string& name);

// Where plain folders are looked for; machinectl's images are ours too.
const std::vector<std::string>& image_places();

}  // namespace holm::daemon
