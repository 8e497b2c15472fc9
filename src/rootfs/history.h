// History: what was sealed of a machine's upper, layer by layer, and the snapshots that name a state of it. A value, kept as
// history.toml in the folder of the sealed layers (layers_folder), each of which is a folder there by its id. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "rootfs/plan.h"

namespace holm::rootfs {

struct Snapshot {
    std::string tag;
    uint64_t created = 0;             // µs, CLOCK_REALTIME
    uint64_t frozen = 0;              // µs for which the machine stood still; 0: it did not run
    std::vector<std::string> layers;  // ids over the machine's own root, topmost first: that is its state
    std::string manifest;             // of the image that they lie on, as in History
    bool operator==(const Snapshot&) const = default;
};

struct History {
    std::vector<std::string> layers;  // ids below the upper as it is now, topmost first
    std::string manifest;             // digest of the image that it was moved to (rebase); "": it lies on what it was made on
    std::string sealing;              // the id that the upper is being given, to make room for an empty one; "": none
    std::string next_start;           // tag of the snapshot that the next start makes; "": none
    std::string next_image;           // the image that the next start makes; "": none
    bool next_force = false;          // that replaces an image of the name
    std::string rebased_from;         // tag of the snapshot of before the rebase that it stands on; "": on none that can be undone
    std::vector<Snapshot> snapshots;  // oldest first
    bool operator==(const History&) const = default;
};

inline constexpr const char* history_file = "history.toml";
inline constexpr size_t most_sealed = 56;                            // layers below one upper: overlayfs takes 64 in all
inline constexpr std::string_view rebase_prefix = "before-rebase-";  // of tags that a rebase makes, and nobody else

// "/var/lib/holm/machines/web/layers", or "/srv/web.upper.layers"; "" where the writes are not on disk.
std::string layers_folder(const UpperPlace& place);

std::string describe_history(const History& history);
// Errors: Invalid.
Result<History> parse_history(std::string_view text, const std::string& file);

// 1 to 64 of a-z, A-Z, 0-9, '-', '_', '.', the first a letter or digit. Errors: Invalid.
Result<std::string> parse_tag(std::string_view text);
// The same of a snapshot that somebody asks for. Errors: Invalid.
Result<std::string> parse_new_tag(std::string_view text);
// 32 hex digits. Errors: Invalid.
Result<std::string> parse_layer_id(std::string_view text);

const Snapshot* find_snapshot(const History& history, std::string_view tag);
// Whether a snapshot may have the tag: none has it, and none is promised it. Errors: Exists, with what to do.
Result<> check_free(const History& history, std::string_view tag);
// The layers and the image of a snapshot. Errors: NotFound, with the tags that there are.
Result<History> state_of(const History& history, std::string_view tag);

// The upper, which becomes the layer `id` ("": it is empty), with a snapshot of that. Errors: Exists (the tag), NotSupported (too
// many layers).
Result<History> plan_seal(History history, const std::string& id, Snapshot snapshot);
// The same without a snapshot.
Result<History> plan_layer(History history, const std::string& id);
// A snapshot where the upper is copied to the layer `id` and stays.
Result<History> plan_copy(History history, const std::string& id, Snapshot snapshot);
// The next start makes the snapshot. Errors: Exists (the tag, or a promise of another).
Result<History> plan_put_off(History history, std::string_view tag);
// A seal as the snapshot that was promised, which is made by that. `now`: µs, CLOCK_REALTIME. Errors: as of plan_seal.
Result<History> plan_promised(History history, const std::string& id, uint64_t now);
// A seal, and all on another image from then on. `layers`: what takes the place of those there were, as far as it is not empty. A snapshot
// that was promised is of the state before it. Errors: as of plan_seal; Busy (an image is promised).
Result<History> plan_rebase(History history, const std::string& id, Snapshot snapshot, const std::string& manifest,
                            const std::vector<std::string>& layers);
// The snapshot's state again; the upper becomes the layer `id`, which nobody needs but a snapshot that was promised. `now`: µs,
// CLOCK_REALTIME. Errors: NotFound, with the tags that there are; Busy (an image is promised); of a promised one those of plan_seal.
Result<History> plan_rollback(History history, const std::string& id, std::string_view tag, uint64_t now);
// The state of before the rebase that it stands on. Errors: NotFound (there is none, or its snapshot was removed); as above.
Result<History> plan_undo(const History& history, const std::string& id, uint64_t now);
// Without the promise of the snapshot, or else without the snapshot. Errors: NotFound, as above.
Result<History> plan_forget(History history, std::string_view tag);
// Without the oldest snapshots, so that `most` are left.
History plan_keep(History history, size_t most);
// The ids that neither the machine nor a snapshot needs, among those that are there.
std::vector<std::string> unused_layers(const History& history, const std::vector<std::string>& there);

}  // namespace holm::rootfs
