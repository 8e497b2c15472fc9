#include "daemon/diff_report.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include <nlohmann/json.hpp>

#include "api/names.h"
#include "base/text.h"
#include "daemon/line_file.h"
#include "image/stack.h"
#include "rootfs/diff.h"
#include "rootfs/seal.h"

namespace holm::daemon {

namespace {

using rootfs::Change;
using rootfs::Difference;
using rootfs::FileState;
using rootfs::History;
using rootfs::UpperPlace;

nlohmann::json describe_state(const FileState& state)
{
    return {{"type", rootfs::describe_type(state.mode)},
            {"mode", fmt::format("{:04o}", state.mode & 07777)},
            {"user", state.user},
            {"group", state.group},
            {"size", state.size}};
}

std::string describe_line(const Change& change)
{
    nlohmann::json line = {{"path", printable(change.path, SIZE_MAX)}, {"change", rootfs::describe_difference(change.kind)}};
    if (change.kind != Difference::Added) line["before"] = describe_state(change.before);
    if (change.kind != Difference::Deleted) line["now"] = describe_state(change.now);
    if (!change.parts.empty()) line["parts"] = change.parts;
    return line.dump() + "\n";
}

// The stacks that are compared, as paths.
struct Stacks {
    std::vector<std::string> own, base;
    bool whole = false;
};

Result<std::vector<std::string>> trees_below(const machine::MachineName& name, const History& history)
{
    const image::Store store;
    const image::Stack stack = TRY(store.read_stack(name));
    const auto ids = TRY(image::layers_below(store, stack, history.manifest));
    return store.trees(ids);
}

// Against a snapshot that lies below the upper only what came later is gone through; else two whole roots are compared.
Result<Stacks> choose_stacks(const SnapshotRequest& request, const UpperPlace& place, const History& history,
                             const std::vector<std::string>& root)
{
    Stacks stacks{.own = rootfs::layer_paths(place, history), .base = root};
    const bool started = ::access(place.path.c_str(), F_OK) == 0;
    if (started) stacks.own.insert(stacks.own.begin(), place.path);
    if (request.tag.empty()) return stacks;
    const History then = TRY(rootfs::state_of(history, request.tag));
    const bool moved = then.manifest != history.manifest;  // to another image
    if (moved) stacks.base = TRY(trees_below(request.name, then));
    const size_t later = history.layers.size() - std::min(history.layers.size(), then.layers.size());
    const std::vector<std::string> same(history.layers.begin() + static_cast<ptrdiff_t>(later), history.layers.end());
    const auto below = rootfs::layer_paths(place, then);
    stacks.base.insert(stacks.base.begin(), below.begin(), below.end());
    stacks.whole = moved || same != then.layers;
    if (stacks.whole) stacks.own.insert(stacks.own.end(), root.begin(), root.end());
    else stacks.own.resize(stacks.own.size() - then.layers.size());
    return stacks;
}

}  // namespace

Result<Fd> report_changes(const SnapshotRequest& request, const launch::Plan& plan)
{
    const UpperPlace place = TRY(sealable_upper(request.name, request.spec));
    const History history = TRY(rootfs::read_history(place));
    const auto& lower = plan.rootfs.lower;
    const std::vector<std::string> root(lower.begin() + static_cast<ptrdiff_t>(std::min(history.layers.size(), lower.size())), lower.end());
    const Stacks stacks = TRY(choose_stacks(request, place, history, root));
    rootfs::DiffInput input{.own = {}, .base = {}, .whole = stacks.whole};
    input.own = TRY(open_layers(stacks.own)), input.base = TRY(open_layers(stacks.base));

    LineFile file = TRY(LineFile::make("holm-diff"));
    TRY(rootfs::diff(input, [&](const Change& change) { return file.add(describe_line(change)); }));
    return file.finish();
}

}  // namespace holm::daemon
