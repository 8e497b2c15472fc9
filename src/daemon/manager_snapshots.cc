// ManagerObject: snapshots of machines, and what they have changed.
#include <optional>
#include <tuple>

#include "api/names.h"
#include "base/text.h"
#include "daemon/diff_report.h"
#include "daemon/manager_object.h"
#include "daemon/options.h"
#include "daemon/planner_child.h"
#include "rootfs/history.h"
#include "rootfs/seal.h"

namespace holm::daemon {

using machine::MachineName;
using machine::Spec;

namespace {

// (tag, created, frozen, layers, whether it is the state below the upper)
using Row = std::tuple<std::string, uint64_t, uint64_t, uint32_t, bool>;

constexpr std::chrono::seconds reading_deadline{600};

// Of the child's own making: "before-upgrade 1763796612000000 0 2 1".
Row parse_row(const std::string& line)
{
    const auto words = split(line, ' ');
    auto number = [&](size_t at) { return at < words.size() ? parse_number(words[at]).value_or(0) : 0; };
    return {std::string(words.front()), number(1), number(2), static_cast<uint32_t>(number(3)), number(4) == 1};
}

}  // namespace

void ManagerObject::with_spec(Reply reply, Privilege privilege, const char* verb, const std::string& name,
                              std::move_only_function<void(Reply, const Spec&)> allowed)
{
    authorise(std::move(reply), privilege, verb, name,
              [this, allowed = std::move(allowed)](Reply granted, const MachineName& machine) mutable {
                  const Known* known = host_.catalogue.find(machine);
                  if (!known) return granted.fail(lifecycle_.unknown(machine));
                  if (!known->spec) return granted.fail(known->spec.error());
                  const Spec spec = *known->spec;
                  allowed(std::move(granted), spec);
              });
}

// Answers with what a child of holmd has found.
void ManagerObject::answer_with(Reply reply, const std::string& what, const Worker::Job& job,
                                std::move_only_function<void(Reply, kernel::Message)> done)
{
    auto place = workers_.emplace(workers_.end());
    auto finished = [this, place, reply = std::move(reply), done = std::move(done)](Result<kernel::Message> result) mutable {
        auto ended = std::move(*place);
        workers_.erase(place);
        if (result) done(std::move(reply), std::move(*result));
        else reply.fail(result.error());
    };
    *place = Worker::start(host_.loop, what, reading_deadline, job, std::move(finished));
}

ChangeRequest ManagerObject::snapshot_change(const SnapshotRequest& request, ChangeRequest change, SnapshotWork work, SnapshotWork put_off)
{
    change.what = fmt::format("{} '{}' of machine '{}'", change.what, request.tag, request.name.text());
    change.work = [request, work, since = change.frozen_since](const Worker::LookingAt& looking_at) -> Result<kernel::Message> {
        SnapshotRequest own = request;
        own.looking_at = looking_at;
        if (since && *since != 0) return copy_for_snapshot(own, *since);
        TRY(work(own));
        return done_with(own);
    };
    if (put_off)
        change.put_off = [request, put_off](const Worker::LookingAt&) -> Result<kernel::Message> {
            TRY(put_off(request));
            return done_with(request);
        };
    if (change.frozen_since)
        change.rest = [request](const kernel::Message& copied, const Worker::LookingAt&) -> Result<kernel::Message> {
            TRY(record_snapshot(request, copied));
            return done_with(request);
        };
    change.undo = settling(request);
    return change;
}

void ManagerObject::change_snapshots(Reply reply, const char* verb, const std::string& name, const std::string& tag, ChangeRequest change,
                                     SnapshotWork work, SnapshotWork put_off)
{
    auto valid = rootfs::parse_tag(tag);
    if (!valid) return reply.fail(valid.error());
    with_spec(std::move(reply), Privilege::Manage, verb, name,
              [this, tag, work, put_off, change = std::move(change)](Reply granted, const Spec& spec) mutable {
                  const auto sealable = sealable_upper(spec.name, spec);
                  if (!sealable) return granted.fail(sealable.error());
                  const SnapshotRequest request{.name = spec.name, .spec = spec, .tag = tag, .keep = host_.settings.store.keep_snapshots};
                  change = snapshot_change(request, std::move(change), work, put_off);
                  lifecycle_.change(spec.name, std::move(change), std::move(granted));
              });
}

void ManagerObject::snapshot(Reply reply, const std::string& name, const std::string& asked, const systemd::Options& options)
{
    OptionReader reader(options);
    const bool at_next_start = reader.take<bool>("at-next-start", false);
    if (auto read = reader.finish(); !read) return reply.fail(read.error());
    const std::string tag = asked.empty() ? tag_of(real_now()) : asked;
    if (auto valid = rootfs::parse_new_tag(tag); !valid) return reply.fail(valid.error());
    ChangeRequest change{.when = ChangeRequest::While::Frozen, .kind = JobKind::Snapshot, .doing = "being snapshot", .what = "snapshot"};
    change.tag = tag;
    change.frozen_since = std::make_shared<uint64_t>(0);
    if (at_next_start) change.when = ChangeRequest::While::Any;
    change_snapshots(std::move(reply), "snapshot", name, tag, std::move(change), take_snapshot, at_next_start ? put_off_snapshot : nullptr);
}

void ManagerObject::remove_snapshot(Reply reply, const std::string& name, const std::string& tag)
{
    ChangeRequest change{.when = ChangeRequest::While::Any, .kind = JobKind::Snapshot, .doing = "losing a snapshot"};
    change.what = "removing snapshot";
    change_snapshots(std::move(reply), "snapshot", name, tag, std::move(change), daemon::remove_snapshot);
}

ChangeRequest ManagerObject::rollback_change()
{
    return {.kind = JobKind::Rollback, .doing = "being rolled back", .what = "rolling back to snapshot"};
}

void ManagerObject::rollback(Reply reply, const std::string& name, const std::string& tag)
{
    change_snapshots(std::move(reply), "rollback", name, tag, rollback_change(), roll_back);
}

void ManagerObject::list_snapshots(Reply reply, const std::string& name)
{
    with_spec(std::move(reply), Privilege::Inspect, "snapshots", name, [this](Reply granted, const Spec& spec) {
        const auto place = rootfs::place_upper(spec, api::state_path(spec.name));
        auto job = [place](const Worker::LookingAt& looking_at) -> Result<kernel::Message> {
            looking_at(rootfs::layers_folder(place));
            const rootfs::History history = TRY(rootfs::read_history(place));
            kernel::Message answer("ok");
            for (const rootfs::Snapshot& one : history.snapshots)
                answer.add("snapshot", fmt::format("{} {} {} {} {}", one.tag, one.created, one.frozen, one.layers.size(),
                                                   one.layers == history.layers && one.manifest == history.manifest ? 1 : 0));
            return answer;
        };
        answer_with(std::move(granted), fmt::format("reading the snapshots of machine '{}'", spec.name.text()), job,
                    [](Reply answer, const kernel::Message& found) {
                        std::vector<Row> rows;
                        for (const std::string& line : found.get_all("snapshot")) rows.push_back(parse_row(line));
                        answer.ok(rows);
                    });
    });
}

void ManagerObject::diff(Reply reply, const std::string& name, const std::string& since)
{
    with_spec(std::move(reply), Privilege::Inspect, "diff", name, [this, since](Reply granted, const Spec& spec) {
        const SnapshotRequest request{.name = spec.name, .spec = spec, .tag = since};
        const MachineEntry* machine = lifecycle_.find(spec.name);
        std::optional<launch::Plan> plan;
        if (machine && is_active(machine->life)) plan = machine->plan;
        PlanRequest planning{.name = spec.name, .spec = spec, .mode = PlanRequest::Mode::PlanOnly, .settings = host_.settings};
        auto job = [request, plan, planning](const Worker::LookingAt& looking_at) -> Result<kernel::Message> {
            SnapshotRequest own = request;
            PlanRequest asked = planning;
            own.looking_at = asked.looking_at = looking_at;
            TRY(sealable_upper(own.name, own.spec));
            kernel::Message answer("ok");
            const launch::Plan used = plan ? *plan : TRY(daemon::prepare(asked));
            answer.fds.push_back(TRY(report_changes(own, used)));
            return answer;
        };
        answer_with(std::move(granted), fmt::format("comparing machine '{}'", spec.name.text()), job,
                    [](Reply answer, const kernel::Message& found) {
                        if (found.fds.empty()) answer.fail(error(Errc::Failed, "nothing was compared"));
                        else answer.ok(found.fds.front());
                    });
    });
}

}  // namespace holm::daemon
