// Sealing: an upper becomes a layer by a rename, and an empty one takes its place. Of a machine that does not run, but for copy_upper.
// A death in between is made good by the next settle_history. Observes and applies; outside.
#pragma once

#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "rootfs/copy_tree.h"
#include "rootfs/history.h"
#include "rootfs/plan.h"

namespace holm::rootfs {

// What was sealed of the upper; nothing, where there is no history.
Result<History> read_history(const UpperPlace& place);
// The same before anything is changed: a sealing that was cut off is brought to its end.
Result<History> settle_history(const UpperPlace& place);
Result<> write_history(const UpperPlace& place, const History& history);

// The folders of the layers below the upper, topmost first.
std::vector<std::string> layer_paths(const UpperPlace& place, const History& history);

// Whether there is anything in the upper.
Result<bool> has_writes(const UpperPlace& place);

// Carries out a history that plan_seal or plan_rollback has given: the upper gets the id `sealing`. Takes the same time whatever is in it.
Result<> seal_upper(const UpperPlace& place, const History& planned);
// A copy of the upper as the layer `id`. The machine may run, if its payload stands still. Not durable, it is for sync_upper() to make so.
Result<Copied> copy_upper(const UpperPlace& place, const std::string& id, const CopyProgress& progress, Durable durable = Durable::Yes);
// All that the file system of the upper, and of its layers, has yet to write.
Result<> sync_upper(const UpperPlace& place);

// Sets layers that nobody needs aside, quickly; remove_set_aside() removes them, which can take long and hinders nobody.
Result<> set_unused_aside(const UpperPlace& place, const History& history);
Result<> remove_set_aside(const std::string& layers);
// What a holmd that died has left of both, and of copies: names in the folder `layers`.
std::vector<std::string> list_unfinished_layers(const std::string& layers);

// 32 random hex digits.
Result<std::string> draw_layer_id();

}  // namespace holm::rootfs
