#include "daemon/rebase.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <tuple>

#include <nlohmann/json.hpp>

#include "api/names.h"
#include "base/text.h"
#include "base/undo.h"
#include "daemon/line_file.h"
#include "daemon/package_lists.h"
#include "daemon/snapshots.h"
#include "image/stack.h"
#include "image/store.h"
#include "rootfs/amend.h"
#include "rootfs/path_lock.h"
#include "rootfs/rebase.h"
#include "rootfs/seal.h"

namespace holm::daemon {

namespace {

using rootfs::Change;
using rootfs::History;
using rootfs::Judgement;
using rootfs::UpperPlace;
using Paths = std::vector<std::string>;

// All that a rebase looks at.
struct Sides {
    UpperPlace place;
    History history;
    image::Stack stack;
    image::Stored wanted;
    Paths own, before, there;  // folders of layers, topmost first
};

Result<Sides> observe_sides(const RebaseRequest& request)
{
    const image::Store store;
    Sides sides{.place = TRY(sealable_upper(request.name, request.spec))};
    auto stack = store.read_stack(request.name);
    if (!stack && stack.error().sys_errno == ENOENT)
        return error(Errc::NotSupported, "machine '{}' lies on no image of the store yet: set root.image to '{}'", request.name.text(),
                     request.image);
    if (!stack) return stack.error();
    sides.stack = std::move(*stack);
    sides.history = TRY(rootfs::read_history(sides.place));
    sides.wanted = TRY(store.find(request.image));
    sides.there = TRY(store.trees(sides.wanted.manifest.layers), fmt::format("image '{}'", request.image));
    const Paths ids = TRY(image::layers_below(store, sides.stack, sides.history.manifest));
    sides.before = TRY(store.trees(ids));
    sides.own = rootfs::layer_paths(sides.place, sides.history);
    if (::access(sides.place.path.c_str(), F_OK) == 0) sides.own.insert(sides.own.begin(), sides.place.path);
    return sides;
}

Result<std::vector<Change>> compare(const Paths& own, const Paths& base, bool whole, const RebaseRequest& request)
{
    rootfs::DiffInput input{.own = {}, .base = {}, .whole = whole};
    input.own = TRY(open_layers(own));
    input.base = TRY(open_layers(base));
    std::vector<Change> changes;
    auto keep = [&](const Change& change) -> Result<> {
        if (request.looking_at && changes.size() % 1024 == 0) request.looking_at(change.path);
        changes.push_back(change);
        return {};
    };
    TRY(rootfs::diff(input, keep));
    return changes;
}

Result<std::vector<Judgement>> judge(const Sides& sides, const RebaseRequest& request)
{
    const auto own = TRY(compare(sides.own, sides.before, false, request));
    const auto drift = TRY(compare(sides.there, sides.before, true, request));
    const auto apart = TRY(compare(sides.own, sides.there, false, request));
    return rootfs::judge_rebase(own, drift, apart);
}

// The machine's own layers that have any of the paths are copied without them. Gives all of its layers, the upper's copy or `id` first.
Result<Paths> give_up(const Sides& sides, const RebaseRequest& request, const std::string& id)
{
    Paths ids = sides.history.layers, from = rootfs::layer_paths(sides.place, sides.history), layers;
    if (!id.empty()) ids.insert(ids.begin(), id), from.insert(from.begin(), sides.place.path);
    auto progress = [&](const std::string& path, const rootfs::Copied&) -> Result<> {
        if (request.looking_at) request.looking_at(path);
        return {};
    };
    Paths found;
    for (size_t i = 0; i < ids.size(); ++i) {
        Paths here;
        for (const std::string& path : request.take)
            if (TRY(rootfs::has_path(from[i], path))) here.push_back(path);
        found.insert(found.end(), here.begin(), here.end());
        layers.push_back(here.empty() ? ids[i] : TRY(rootfs::draw_layer_id()));
        if (!here.empty()) TRY(rootfs::copy_layer_without(sides.place, from[i], layers.back(), here, progress));
    }
    for (const std::string& path : request.take)
        if (std::ranges::find(found, path) == found.end())
            return error(Errc::NotFound, "machine '{}' has not changed '{}'", request.name.text(), printable(path));
    return layers;
}

// The image is the machine's before it lies on it: nobody removes it in between.
Result<> note_image(const Sides& sides, const machine::MachineName& name)
{
    image::Stack stack = sides.stack;
    if (image::lies_on(stack, sides.wanted.digest)) return {};
    stack.others.push_back(sides.wanted.digest);
    return replace_file(image::Store().stack(name), image::describe_stack(stack), 0600);
}

// The new layers, the upper sealed above them.
Result<> change_layers(const Sides& sides, const RebaseRequest& request)
{
    const std::string id = TRY(rootfs::has_writes(sides.place)) ? TRY(rootfs::draw_layer_id()) : "";
    const auto created = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch());
    const rootfs::Snapshot snapshot{.tag = request.tag, .created = static_cast<uint64_t>(created.count()), .layers = {}};
    TRY(rootfs::plan_rebase(sides.history, id, snapshot, sides.wanted.digest, {}));  // so that it fails before anything is copied
    const Paths layers = TRY(give_up(sides, request, id));
    const History planned = TRY(rootfs::plan_rebase(sides.history, id, snapshot, sides.wanted.digest, layers));
    return rootfs::seal_upper(sides.place, planned);
}

}  // namespace

Result<Fd> report_rebase(const RebaseRequest& request)
{
    const Sides sides = TRY(observe_sides(request));
    const auto judgements = TRY(judge(sides, request));
    LineFile file = TRY(LineFile::make("holm-rebase"));
    for (const Judgement& one : judgements) {
        nlohmann::json line = {{"path", printable(one.path, SIZE_MAX)}, {"verdict", rootfs::describe_verdict(one.verdict)}};
        if (!one.why.empty()) line["why"] = printable(one.why, SIZE_MAX);
        TRY(file.add(line.dump() + "\n"));
    }
    ComparedLayers layers{.before = sides.before, .here = sides.own, .there = sides.there};
    layers.here.insert(layers.here.end(), sides.before.begin(), sides.before.end());
    for (const rootfs::PackageDrift& one : observe_package_drift(layers, request.looking_at)) {
        const nlohmann::json line = {{"package", printable(one.name)},
                                     {"before", printable(one.before)},
                                     {"here", printable(one.here)},
                                     {"there", printable(one.there)}};
        TRY(file.add(line.dump() + "\n"));
    }
    return file.finish();
}

Result<> rebase_machine(const RebaseRequest& request)
{
    const image::Store store;
    const UpperPlace place = TRY(sealable_upper(request.name, request.spec));
    std::optional<rootfs::PathLock> lock;
    if (TRY(rootfs::has_writes(place))) lock.emplace(TRY(rootfs::PathLock::take(place.path, request.name.text())));
    TRY(rootfs::settle_history(place));
    Fd hold = TRY(store.lock(image::Holding::Shared));
    const Sides sides = TRY(observe_sides(request));
    Undo noted([&] {
        std::ignore = replace_file(store.stack(request.name), image::describe_stack(sides.stack), 0600);
        std::ignore = rootfs::set_unused_aside(place, sides.history);
        std::ignore = rootfs::remove_set_aside(rootfs::layers_folder(place));
    });
    TRY(note_image(sides, request.name));
    hold.reset();
    TRY(change_layers(sides, request));
    noted.keep();
    const History history = TRY(rootfs::read_history(place));
    return rootfs::set_unused_aside(place, history);
}

}  // namespace holm::daemon
