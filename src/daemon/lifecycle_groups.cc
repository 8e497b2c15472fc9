// Lifecycle: what is done to several machines as one. Of a snapshot no member goes on before the last is copied, and none has it unless
// all have.
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "daemon/lifecycle.h"
#include "daemon/snapshots.h"
#include "rootfs/history.h"

namespace holm::daemon {

using machine::MachineName;

namespace {

constexpr std::chrono::seconds check_deadline{600};
constexpr size_t most_copying = 8;

// The first failure is the reason of all.
void blame(GroupChange& group, const MachineName& name, const Error& why)
{
    if (!group.why) group.why = with_context(why, fmt::format("machine '{}'", name.text()));
}

}  // namespace

void Lifecycle::change_group(GroupRequest request, Reply reply)
{
    for (const GroupMember& member : request.group.members) catch_up(member.name);
    enqueue([this, request = std::move(request), reply = std::move(reply)]() mutable {
        do_change_group(std::move(request), std::move(reply));
    });
}

Result<> Lifecycle::check_group(const GroupRequest& request)
{
    const ChangeRequest of_all{.when = request.changes.empty() ? ChangeRequest::While::Frozen : request.changes.front().when};
    std::vector<std::string> running;
    for (const GroupMember& member : request.group.members)
        if (const MachineEntry* machine = find(member.name); machine && is_active(machine->life)) running.push_back(member.name.text());
    if (of_all.when == ChangeRequest::While::Stopped && !running.empty())
        return error(Errc::Busy, "of the group there {} '{}': 'holmctl stop {}' comes first", running.size() == 1 ? "runs" : "run",
                     fmt::join(running, "', '"), fmt::join(running, " "));
    for (const GroupMember& member : request.group.members) TRY(check_change(member.name, of_all));
    return {};
}

void Lifecycle::do_change_group(GroupRequest request, Reply reply)
{
    for (const GroupMember& member : request.group.members) {
        MachineEntry* before = lookup(member.name);
        if (!before || (!before->ended && !before->is_releasing)) continue;
        before->when_gone.push_back([this, request = std::move(request), reply = std::move(reply)]() mutable {
            do_change_group(std::move(request), std::move(reply));
        });
        return;
    }
    if (auto free = check_group(request); !free) return reply.fail(free.error());
    for (const GroupMember& member : request.group.members) entry(member.name).changing = request.doing;
    auto group = groups_.emplace(groups_.end());
    group->request = std::move(request);
    group->reply = std::move(reply);
    auto checked = [this, group](const Result<kernel::Message>& found) {
        enqueue([this, group, result = found ? Result<>() : Result<>(found.error())] { group_checked(group, result); });
    };
    group->worker = Worker::start(host_.loop, group->request.what, check_deadline, group->request.check, std::move(checked));
}

void Lifecycle::group_checked(Group group, const Result<>& checked)
{
    const auto& members = group->request.group.members;
    auto& changes = group->request.changes;
    group->worker.reset();
    if (!checked) {
        for (const GroupMember& member : members) let_go(member.name);
        group->reply->fail(checked.error());
        groups_.erase(group);
        return;
    }
    std::vector<std::string> names;
    std::vector<systemd::ObjectPath> paths;
    for (const GroupMember& member : members) {
        group->jobs.push_back(host_.jobs.begin(member.name, changes.empty() ? JobKind::Snapshot : changes.front().kind));
        names.push_back(member.name.text());
        paths.push_back({job_path(group->jobs.back())});
    }
    if (changes.empty()) {
        group->reply->ok(group->request.group.tag, names, paths);
        return freeze_group(group);
    }
    group->reply->ok(names, paths);
    for (size_t i = 0; i < members.size(); ++i) start_work(members[i].name, std::move(changes[i]), group->jobs[i]);
    groups_.erase(group);
}

// Each has a mark that tells the next holmd to let it go on. One that stands still already is left so.
void Lifecycle::freeze_group(Group group)
{
    group->since = monotonic_now();
    group->waiting = 1;
    for (GroupMember& member : group->request.group.members) {
        const MachineName name = member.name;
        MachineEntry& machine = entry(name);
        if (!is_active(machine.life)) continue;
        member.runs = true;
        if (!machine.control || !machine.heard) {
            blame(*group, name, error(Errc::Busy, "its supervisor does not listen"));
            continue;
        }
        machine.kept_still = machine.changed_running = true;
        machine.stood_still = machine.told.frozen;
        if (machine.told.frozen) continue;
        if (auto marked = replace_file(thaw_mark(name), "", 0600, Durable::No); !marked) {
            blame(*group, name, marked.error());
            continue;
        }
        ++group->waiting;
        ask_to("freeze", machine, [this, group, name](const Result<>& answer) {
            if (!answer) blame(*group, name, with_context(answer.error(), "it cannot be frozen"));
            else entry(name).stood_still = true;
            group_answered(group, &Lifecycle::copy_more);
        });
    }
    group_answered(group, &Lifecycle::copy_more);
}

void Lifecycle::group_answered(Group group, void (Lifecycle::*then)(Group))
{
    if (--group->waiting == 0) (this->*then)(group);
}

// All that run stand still from the first copy to the end of the last.
void Lifecycle::copy_more(Group group)
{
    auto& members = group->request.group.members;
    if (group->next == 0) group->request.group.created = real_now();
    for (; !group->why && group->copying < most_copying && group->next < members.size(); ++group->next) {
        const size_t index = group->next;
        if (!members[index].runs) continue;
        ++group->copying;
        auto work = [place = members[index].place](const Worker::LookingAt& looking_at) -> Result<kernel::Message> {
            const std::string layer = TRY(copy_loose(place, looking_at));
            return std::move(kernel::Message("ok").add("layer", layer));
        };
        auto finished = [this, group, index](const Result<kernel::Message>& done) {
            enqueue([this, group, index,
                     layer = done ? Result<std::string>(std::string(done->get("layer"))) : Result<std::string>(done.error())] {
                copied(group, index, layer);
            });
        };
        entry(members[index].name).changer = Worker::start(host_.loop, group->request.what, copy_deadline, work, std::move(finished));
    }
    if (group->copying == 0) confirm_group(group);
}

void Lifecycle::copied(Group group, size_t index, const Result<std::string>& layer)
{
    GroupMember& member = group->request.group.members[index];
    entry(member.name).changer.reset();
    --group->copying;
    if (layer) member.copy = *layer;
    else blame(*group, member.name, layer.error());
    copy_more(group);
}

// Without one of them none has it: the copies of the others are of no use either.
void Lifecycle::give_up_group_of(const MachineName& name)
{
    for (GroupChange& group : groups_) {
        const auto& members = group.request.group.members;
        if (std::ranges::find(members, name, &GroupMember::name) == members.end()) continue;
        blame(group, name, error(Errc::Busy, "it was stopped while it was copied"));
        for (const GroupMember& member : members)
            if (auto& changer = entry(member.name).changer) changer->kill();
    }
}

void Lifecycle::confirm_group(Group group)
{
    group->waiting = 1;
    for (const GroupMember& member : group->request.group.members) {
        if (!member.runs || group->why) continue;
        ++group->waiting;
        confirm_still(entry(member.name), [this, group, name = member.name](const Result<>& still) {
            if (!still) blame(*group, name, still.error());
            group_answered(group, &Lifecycle::thaw_group);
        });
    }
    group_answered(group, &Lifecycle::thaw_group);
}

void Lifecycle::thaw_group(Group group)
{
    group->waiting = 1;
    for (const GroupMember& member : group->request.group.members) {
        if (!member.runs) continue;
        ++group->waiting;
        thaw_again(entry(member.name), [this, group] { group_answered(group, &Lifecycle::write_down_group); });
    }
    group_answered(group, &Lifecycle::write_down_group);
}

void Lifecycle::write_down_group(Group group)
{
    if (group->why) return settle_group(group, 0);
    group->request.group.frozen = monotonic_now() - group->since;
    auto work = [request = group->request.group](const Worker::LookingAt& looking_at) -> Result<kernel::Message> {
        TRY(write_down(request, looking_at));
        return kernel::Message("ok");
    };
    auto finished = [this, group](const Result<kernel::Message>& done) {
        enqueue([this, group, result = done ? Result<>() : Result<>(done.error())] {
            if (result) return end_group(group);
            group->why = result.error();
            settle_group(group, 0);
        });
    };
    group->worker = Worker::start(host_.loop, group->request.what, copy_deadline, work, std::move(finished));
}

// It has failed, and none is to have it; what was killed when all had it is done.
void Lifecycle::settle_group(Group group, unsigned attempt)
{
    auto work = [request = group->request.group](const Worker::LookingAt&) -> Result<kernel::Message> {
        return kernel::Message(TRY(daemon::settle_group(request)) ? "whole" : "none");
    };
    auto finished = [this, group, attempt](const Result<kernel::Message>& done) {
        const bool killed = !done && ended_without_a_word(done.error());
        enqueue([this, group, attempt, killed, whole = done && done->kind == "whole", text = done ? "" : done.error().text] {
            if (killed && attempt < most_killed_undoers) return settle_group(group, attempt + 1);
            if (!text.empty()) log_error("{}: what was left of it cannot be taken back: {}", group->request.what, text);
            if (whole) group->why.reset();
            end_group(group);
        });
    };
    const std::string what = fmt::format("taking back what was left of {}", group->request.what);
    group->worker = Worker::start(host_.loop, what, copy_deadline, work, std::move(finished));
}

void Lifecycle::end_group(Group group)
{
    const Result<> result = group->why ? Result<>(*group->why) : Result<>();
    const auto& members = group->request.group.members;
    for (size_t i = 0; i < members.size(); ++i) {
        sweep(rootfs::layers_folder(members[i].place));
        end_change(members[i].name, {.what = group->request.what}, group->jobs[i], result);
    }
    groups_.erase(group);
}

// Of a holmd that has died. Nobody asks us for anything before it is done.
void Lifecycle::take_back_unfinished_groups()
{
    if (!is_any_unfinished()) return;
    auto work = [](const Worker::LookingAt&) -> Result<kernel::Message> {
        TRY(take_back_unfinished());
        return kernel::Message("ok");
    };
    auto finished = [this](const Result<kernel::Message>& done) {
        enqueue([this, text = done ? "" : done.error().text] {
            if (!text.empty()) log_error("snapshots that were not finished cannot be taken back: {}", text);
            group_undoer_.reset();
            tell_heard();
        });
    };
    group_undoer_ = Worker::start(host_.loop, "taking back snapshots that were not finished", copy_deadline, work, std::move(finished));
}

}  // namespace holm::daemon
