#include "daemon/snapshots.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <functional>
#include <optional>
#include <utility>

#include "api/names.h"
#include "base/text.h"
#include "image/manifest.h"
#include "image/store.h"
#include "rootfs/path_lock.h"
#include "rootfs/seal.h"

namespace holm::daemon {

namespace {

using machine::RootMode;
using rootfs::History;
using rootfs::Snapshot;
using rootfs::UpperPlace;

uint64_t microseconds_of(clockid_t clock)
{
    timespec now{};
    ::clock_gettime(clock, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1000000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
}

// Images that no state of the machine lies on any more.
Result<> forget_images(const machine::MachineName& name, const History& history)
{
    const image::Store store;
    auto stack = store.read_stack(name);
    if (!stack) return stack.error().sys_errno == ENOENT ? Result<>() : Result<>(stack.error());
    auto is_used = [&](const std::string& manifest) {
        return manifest == history.manifest ||
               std::ranges::find(history.snapshots, manifest, &Snapshot::manifest) != history.snapshots.end();
    };
    if (std::erase_if(stack->others, std::not_fn(is_used)) == 0) return {};
    return replace_file(store.stack(name), image::describe_stack(*stack), 0600);
}

// While a snapshot is made nobody starts a machine on the upper.
Result<std::optional<rootfs::PathLock>> lock_upper(const UpperPlace& place, std::string_view holder)
{
    struct stat status;
    std::optional<rootfs::PathLock> lock;
    if (::lstat(place.path.c_str(), &status)) return lock;
    lock.emplace(TRY(rootfs::PathLock::take(place.path, holder)));
    return lock;
}

Result<> roll_back_as(const SnapshotRequest& request, const std::function<Result<History>(const History&, const std::string& id)>& plan)
{
    const UpperPlace place = TRY(sealable_upper(request.name, request.spec));
    auto lock = TRY(lock_upper(place, request.name.text()));
    const History history = TRY(rootfs::settle_history(place));
    const std::string id = lock ? TRY(rootfs::draw_layer_id()) : "";
    const History planned = TRY(plan(history, id));
    TRY(rootfs::seal_upper(place, planned));
    const History rolled = TRY(rootfs::read_history(place));
    TRY(forget_images(request.name, rolled));
    return rootfs::set_unused_aside(place, rolled);
}

}  // namespace

uint64_t monotonic_now()
{
    return microseconds_of(CLOCK_MONOTONIC);
}

uint64_t real_now()
{
    return microseconds_of(CLOCK_REALTIME);
}

std::string tag_of(uint64_t now)
{
    const auto seconds = static_cast<time_t>(now / 1000000);
    tm parts{};
    ::gmtime_r(&seconds, &parts);
    char text[32];
    ::strftime(text, sizeof text, "%Y%m%d-%H%M%S", &parts);
    return text;
}

Result<UpperPlace> sealable_upper(const machine::MachineName& name, const machine::Spec& spec)
{
    const machine::RootSpec& root = spec.root;
    UpperPlace place = rootfs::place_upper(spec, api::state_path(name));
    if (root.mode == RootMode::Ephemeral)
        return error(Errc::NotSupported,
                     "the changes of machine '{}' are gone at its end: without root.mode = \"ephemeral\" they are kept{}", name.text(),
                     describe_origin(spec, "root.mode"));
    if (root.mode != RootMode::Persistent)
        return error(Errc::NotSupported, "the root of machine '{}' keeps no changes{}", name.text(), describe_origin(spec, "root.mode"));
    if (place.upper == rootfs::Upper::None)
        return error(
            Errc::NotSupported,
            "machine '{}' writes into its root '{}' itself: set root.upper to a folder of its own, and what it writes from then on "
            "lies apart{}",
            name.text(), printable(root.path), describe_origin(spec, "root.path"));
    return place;
}

Result<> seal_as(const UpperPlace& place, const Snapshot& snapshot)
{
    const std::string id = TRY(rootfs::has_writes(place)) ? TRY(rootfs::draw_layer_id()) : "";
    const History history = TRY(rootfs::settle_history(place));
    const History planned = TRY(rootfs::plan_seal(history, id, snapshot));
    return rootfs::seal_upper(place, planned);
}

Result<> seal_locked(const UpperPlace& place, std::string_view holder, const Snapshot& snapshot)
{
    auto lock = TRY(lock_upper(place, holder));
    return seal_as(place, snapshot);
}

Result<> keep_newest(const UpperPlace& place, unsigned keep)
{
    if (keep == 0) return {};
    const History history = TRY(rootfs::read_history(place));
    if (history.snapshots.size() <= keep) return {};
    const History kept = rootfs::plan_keep(history, keep);
    TRY(rootfs::write_history(place, kept));
    return rootfs::set_unused_aside(place, kept);
}

Result<std::string> seal_at_start(const UpperPlace& place, unsigned keep)
{
    History history = TRY(rootfs::settle_history(place));
    if (history.next_start.empty()) return "";
    const std::string id = TRY(rootfs::has_writes(place)) ? TRY(rootfs::draw_layer_id()) : "";
    const auto planned = rootfs::plan_promised(history, id, real_now());
    if (!planned) {
        const std::string tag = std::exchange(history.next_start, "");
        TRY(rootfs::write_history(place, history));
        return fmt::format("snapshot '{}', which was put off to this start, was not taken: {}", tag, planned.error().text);
    }
    TRY(rootfs::seal_upper(place, *planned));
    TRY(keep_newest(place, keep));
    return "";
}

Result<> take_snapshot(const SnapshotRequest& request)
{
    const UpperPlace place = TRY(sealable_upper(request.name, request.spec));
    auto lock = TRY(lock_upper(place, request.name.text()));
    TRY(seal_as(place, {.tag = request.tag, .created = real_now(), .layers = {}}));
    TRY(keep_newest(place, request.keep));
    return rootfs::set_unused_aside(place, TRY(rootfs::read_history(place)));
}

Result<std::string> copy_loose(const UpperPlace& place, const std::function<void(std::string_view path)>& looking_at)
{
    TRY(rootfs::settle_history(place));
    const std::string id = TRY(rootfs::draw_layer_id());
    auto progress = [&](const std::string& path, const rootfs::Copied&) -> Result<> {
        if (looking_at) looking_at(place.path + path);
        return {};
    };
    TRY(rootfs::copy_upper(place, id, progress, Durable::No));
    return id;
}

Result<> record_copy(const UpperPlace& place, const std::string& layer, const Snapshot& snapshot)
{
    const History history = TRY(rootfs::settle_history(place));
    const History planned = TRY(rootfs::plan_copy(history, layer, snapshot));
    TRY(rootfs::sync_upper(place));
    return rootfs::write_history(place, planned);
}

Result<kernel::Message> copy_for_snapshot(const SnapshotRequest& request, uint64_t since)
{
    const UpperPlace place = TRY(sealable_upper(request.name, request.spec));
    const History history = TRY(rootfs::settle_history(place));
    TRY(rootfs::check_free(history, request.tag));
    const uint64_t created = real_now();
    kernel::Message copied("copied");
    copied.add("layer", TRY(copy_loose(place, request.looking_at))).add("created", static_cast<int64_t>(created));
    copied.add("frozen", static_cast<int64_t>(std::max<uint64_t>(monotonic_now() - since, 1)));
    return copied;
}

Result<> record_snapshot(const SnapshotRequest& request, const kernel::Message& copied)
{
    const UpperPlace place = TRY(sealable_upper(request.name, request.spec));
    const Snapshot snapshot{.tag = request.tag,
                            .created = static_cast<uint64_t>(copied.get_number("created").value_or(0)),
                            .frozen = static_cast<uint64_t>(copied.get_number("frozen").value_or(1)),
                            .layers = {}};
    TRY(record_copy(place, std::string(copied.get("layer")), snapshot));
    TRY(keep_newest(place, request.keep));
    return rootfs::set_unused_aside(place, TRY(rootfs::read_history(place)));
}

Result<> put_off_snapshot(const SnapshotRequest& request)
{
    const UpperPlace place = TRY(sealable_upper(request.name, request.spec));
    const History history = TRY(rootfs::read_history(place));
    const History planned = TRY(rootfs::plan_put_off(history, request.tag));
    return rootfs::write_history(place, planned);
}

Result<> remove_snapshot(const SnapshotRequest& request)
{
    const UpperPlace place = TRY(sealable_upper(request.name, request.spec));
    const History before = TRY(rootfs::settle_history(place)), history = TRY(rootfs::plan_forget(before, request.tag));
    TRY(rootfs::write_history(place, history));
    TRY(forget_images(request.name, history));
    return rootfs::set_unused_aside(place, history);
}

Result<> roll_back(const SnapshotRequest& request)
{
    return roll_back_as(request, [&](const History& history, const std::string& id) {
        return rootfs::plan_rollback(history, id, request.tag, real_now());
    });
}

Result<> undo_rebase(const SnapshotRequest& request)
{
    return roll_back_as(request, [](const History& history, const std::string& id) { return rootfs::plan_undo(history, id, real_now()); });
}

kernel::Message done_with(const SnapshotRequest& request)
{
    const UpperPlace place = rootfs::place_upper(request.spec, api::state_path(request.name));
    return std::move(kernel::Message(nothing_left).add("sweep", rootfs::layers_folder(place)));
}

Worker::Job settling(const SnapshotRequest& request)
{
    return [request](const Worker::LookingAt&) -> Result<kernel::Message> {
        const UpperPlace place = TRY(sealable_upper(request.name, request.spec));
        const History history = TRY(rootfs::settle_history(place));
        TRY(rootfs::set_unused_aside(place, history));
        return done_with(request);
    };
}

}  // namespace holm::daemon
