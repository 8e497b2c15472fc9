// Lifecycle: what is done to machines that do not run. While it is done they cannot start, whoever asks.
#include <unistd.h>

#include <chrono>
#include <utility>

#include "api/names.h"
#include "base/log.h"
#include "daemon/dependants.h"
#include "daemon/lifecycle.h"
#include "daemon/snapshots.h"
#include "rootfs/seal.h"

namespace holm::daemon {

using machine::MachineName;

std::string thaw_mark(const MachineName& name)
{
    return api::runtime_path(name) + "/thaw";
}

void Lifecycle::change(const MachineName& name, ChangeRequest request, Reply reply)
{
    catch_up(name);
    enqueue([this, name, request = std::move(request), reply = std::move(reply)]() mutable {
        do_change(name, std::move(request), std::move(reply));
    });
}

Result<> Lifecycle::check_unchanging(const MachineName& name) const
{
    const MachineEntry* machine = find(name);
    if (!machine || machine->changing.empty()) return {};
    return error(Errc::Busy, "machine '{}' is {}: wait for the end of that", name.text(), machine->changing);
}

Result<> Lifecycle::keep_for_reading(const MachineName& name, const std::string& doing)
{
    TRY(check_unchanging(name));
    const MachineEntry* machine = find(name);
    if (machine && (is_active(machine->life) || machine->planner))
        return error(Errc::Busy, "machine '{}' is {}, and changes what would be read: stop it first", name.text(),
                     machine::describe_state(machine::state_of(machine->life)));
    if (machine && (machine->ended || machine->is_releasing || machine->removal))
        return error(Errc::Busy, "what machine '{}' had is being taken back: try again", name.text());
    entry(name).changing = doing;
    return {};
}

void Lifecycle::let_go_of(const MachineName& name)
{
    enqueue([this, name] { let_go(name); });
}

Result<> Lifecycle::check_free_to_thaw(const MachineName& name) const
{
    const MachineEntry* machine = find(name);
    if (!machine || !machine->kept_still) return {};
    return error(Errc::Busy, "machine '{}' stands still while it is {}: wait for the end of that", name.text(), machine->changing);
}

// True: refused.
bool Lifecycle::refuse_changing(const MachineName& name, Reply& reply) const
{
    auto free = check_unchanging(name);
    if (!free) reply.fail(free.error());
    return !free;
}

// A machine that is gone, or has another name, takes others with it: they are named.
Result<> Lifecycle::check_dependants(const MachineName& name)
{
    std::vector<machine::Spec> specs;
    for (const MachineName& other : host_.catalogue.names())
        if (const Known* known = host_.catalogue.find(other); known && known->spec) specs.push_back(*known->spec);
    const auto dependants = find_dependants(name, api::state_path(name), specs);
    if (dependants.empty()) return {};
    return error(Errc::Busy, "machine '{}' is needed by {}: change or remove {} first", name.text(), fmt::join(dependants, ", "),
                 dependants.size() == 1 ? "it" : "them");
}

Result<> Lifecycle::check_change(const MachineName& name, const ChangeRequest& request)
{
    TRY(check_unchanging(name));
    const MachineEntry* machine = find(name);
    const bool runs = machine && is_active(machine->life);
    if (machine && machine->planner) return error(Errc::Busy, "machine '{}' is being started: wait for the end of that", name.text());
    if (runs && request.when == ChangeRequest::While::Frozen && (!machine->control || !machine->heard))
        return error(Errc::Busy, "machine '{}' is {}: its supervisor does not listen yet", name.text(),
                     machine::describe_state(machine::state_of(machine->life)));
    if (runs && request.when == ChangeRequest::While::Stopped)
        return error(Errc::Busy, "machine '{}' is {} as {}: stop it first", name.text(),
                     machine::describe_state(machine::state_of(machine->life)), unit_of(*machine));
    if (runs && request.put_off && machine->plan && machine->plan->remove_at_end)
        return error(Errc::NotSupported,
                     "machine '{}' was run with --rm and is gone at its end, so nothing can be put off to its next start: "
                     "do it now, without --at-next-start",
                     name.text());
    const Known* known = host_.catalogue.find(name);
    if (!known) return unknown(name);
    if (!known->spec) return known->spec.error();
    if (request.kind == JobKind::Rename) TRY(check_dependants(name));
    if (!request.result) return {};
    TRY(check_unchanging(*request.result));
    const MachineEntry* taken = find(*request.result);
    known = host_.catalogue.find(*request.result);
    if ((known && known->origin != Origin::Image) || (taken && is_active(taken->life)))
        return error(Errc::Exists, "machine '{}' exists already", request.result->text());
    if (has_state(*request.result))
        return error(Errc::Exists, "machine '{}' has left its state in {}: 'holmctl remove {}' removes it", request.result->text(),
                     api::state_path(*request.result), request.result->text());
    return {};
}

void Lifecycle::do_change(const MachineName& name, ChangeRequest request, Reply reply)
{
    MachineEntry* before = lookup(name);
    if (before && (before->ended || before->is_releasing)) {
        before->when_gone.push_back([this, name, request = std::move(request), reply = std::move(reply)]() mutable {
            do_change(name, std::move(request), std::move(reply));
        });
        return;
    }
    if (auto free = check_change(name, request); !free) return reply.fail(free.error());
    const uint32_t job = host_.jobs.begin(name, request.kind);
    if (request.tag.empty()) reply.ok(systemd::ObjectPath{job_path(job)});
    else reply.ok(request.tag, systemd::ObjectPath{job_path(job)});
    MachineEntry& machine = entry(name);
    machine.changing = request.doing;
    if (request.result) entry(*request.result).changing = fmt::format("being made of machine '{}'", name.text());
    if (is_active(machine.life) && request.put_off) request.work = std::exchange(request.put_off, nullptr);
    if (is_active(machine.life) && request.when == ChangeRequest::While::Frozen) freeze_and_work(machine, std::move(request), job);
    else start_work(name, std::move(request), job);
}

// One that stands still already is left so. A mark tells the next holmd to let it go on, should this one die meanwhile.
void Lifecycle::freeze_and_work(MachineEntry& machine, ChangeRequest request, uint32_t job)
{
    const MachineName name = machine.name;
    *request.frozen_since = monotonic_now();
    machine.kept_still = machine.changed_running = true;
    machine.stood_still = machine.told.frozen;
    if (machine.told.frozen) return start_work(name, std::move(request), job);
    if (auto marked = replace_file(thaw_mark(name), "", 0600, Durable::No); !marked) return end_change(name, request, job, marked.error());
    auto frozen = [this, name, job, request = std::move(request)](Result<> answer) mutable {
        entry(name).stood_still = answer.has_value();
        if (answer) return start_work(name, std::move(request), job);
        const Error why = with_context(answer.error(), fmt::format("machine '{}' cannot be frozen", name.text()));
        thaw_again(entry(name), [this, name, request = std::move(request), job, why] { end_change(name, request, job, why); });
    };
    ask_to("freeze", machine, std::move(frozen));
}

void Lifecycle::start_work(const MachineName& name, ChangeRequest request, uint32_t job)
{
    const std::string what = request.what;
    const Worker::Job work = request.work;
    auto finished = [this, name, job, request = std::move(request)](Result<kernel::Message> done) {
        auto shared = std::make_shared<Result<kernel::Message>>(std::move(done));
        enqueue([this, name, job, request, shared] { worked(name, request, job, shared); });
    };
    entry(name).changer = Worker::start(host_.loop, what, copy_deadline, work, std::move(finished));
}

void Lifecycle::worked(const MachineName& name, const ChangeRequest& request, uint32_t job,
                       const std::shared_ptr<Result<kernel::Message>>& done)
{
    MachineEntry& machine = entry(name);
    if (*done)
        if (const std::string layers((*done)->get("sweep")); !layers.empty()) sweep(layers);
    const bool ended = machine.kept_still && !machine.stood_still;
    if (!ended && (!*done || !machine.kept_still)) return let_go_on(name, request, job, done);
    confirm_still(machine, [this, name, request, job, done](const Result<>& still) {
        if (still) return let_go_on(name, request, job, done);
        const Error why = with_context(still.error(), fmt::format("machine '{}'", name.text()));
        thaw_again(entry(name), [this, name, request, job, why] { take_back(name, request, job, why, 0); });
    });
}

// What was being copied of it is of no use any more, and nothing waits for the rest: the copy is ended, and then taken back.
void Lifecycle::thawed(MachineEntry& machine)
{
    if (!std::exchange(machine.stood_still, false) || !machine.kept_still) return;
    if (machine.changer) machine.changer->kill();
    give_up_group_of(machine.name);
}

// A stop lets a machine go on, whoever asks for it. The answer comes after all that its supervisor had to tell before.
void Lifecycle::confirm_still(MachineEntry& machine, std::move_only_function<void(Result<>)> then)
{
    if (!machine.control) return then(error(Errc::Busy, "it has ended while it was copied"));
    if (!machine.stood_still) return then(error(Errc::Busy, "it was stopped while it was copied"));
    ask_to("freeze", machine, [this, name = machine.name, then = std::move(then)](const Result<>& answer) mutable {
        const bool still = answer && entry(name).stood_still;
        then(still ? Result<>() : error(Errc::Busy, "it was stopped while it was copied"));
    });
}

// What is left to do holds nobody up.
void Lifecycle::let_go_on(const MachineName& name, const ChangeRequest& request, uint32_t job,
                          const std::shared_ptr<Result<kernel::Message>>& done)
{
    thaw_again(entry(name), [this, name, request, job, done] {
        if (!*done || !request.rest || (*done)->kind == nothing_left) return changed(name, request, job, *done);
        ChangeRequest rest = request;
        rest.work = [rest = std::exchange(rest.rest, nullptr), done](const Worker::LookingAt& looking_at) {
            return rest(**done, looking_at);
        };
        start_work(name, std::move(rest), job);
    });
}

// Where we have frozen it. `then` finds it going on, or gone.
void Lifecycle::thaw_again(MachineEntry& machine, systemd::Callback then)
{
    machine.kept_still = false;
    if (::access(thaw_mark(machine.name).c_str(), F_OK) || !machine.control) return then();
    ask_to("thaw", machine, [name = machine.name, then = std::move(then)](const Result<>& answer) mutable {
        if (!answer) log_warning("machine '{}' cannot be thawed: {}", name.text(), answer.error().text);
        ::unlink(thaw_mark(name).c_str());
        then();
    });
}

// `then` is called from the queue, and always: by a supervisor that is gone, too.
void Lifecycle::ask_to(const char* request, MachineEntry& machine, std::move_only_function<void(Result<>)> then)
{
    machine.on_answer = std::move(then);
    machine.control->ask(kernel::Message(request), [this, name = machine.name](const Result<kernel::Message>& answer) {
        if (MachineEntry* asked = lookup(name)) answer_change(*asked, answer ? Result<>() : Result<>(answer.error()));
    });
}

void Lifecycle::answer_change(MachineEntry& machine, Result<> answer)
{
    if (auto then = std::exchange(machine.on_answer, nullptr))
        enqueue([then = std::move(then), answer = std::move(answer)]() mutable { then(std::move(answer)); });
}

// What was set aside is in nobody's way: its removal is no part of the job.
void Lifecycle::sweep(const std::string& layers)
{
    auto place = sweepers_.emplace(sweepers_.end());
    auto work = [layers](const Worker::LookingAt&) -> Result<kernel::Message> {
        TRY(rootfs::remove_set_aside(layers));
        return kernel::Message("ok");
    };
    *place = Worker::start(host_.loop, fmt::format("removing layers of '{}'", layers), copy_deadline, work,
                           [this, place](const Result<kernel::Message>& done) {
                               if (!done) log_warning("{}", done.error().text);
                               enqueue([this, place] { sweepers_.erase(place); });
                           });
}

// What was killed has had no time to. Until it is done the machine stays as it is, whoever asks.
void Lifecycle::take_back(const MachineName& name, ChangeRequest request, uint32_t job, const Error& why, unsigned attempt)
{
    const Worker::Job undo = request.undo;
    const std::string what = fmt::format("taking back what was left of {}", request.what);
    auto finished = [this, name, job, why, attempt, request = std::move(request)](const Result<kernel::Message>& undone) {
        enqueue([this, name, job, why, attempt, request, result = undone ? Result<>() : Result<>(undone.error()),
                 layers = std::string(undone ? undone->get("sweep") : "")]() mutable {
            if (!result && ended_without_a_word(result.error()) && attempt < most_killed_undoers)
                return take_back(name, std::move(request), job, why, attempt + 1);
            if (!result) log_error("{}", result.error().text);
            if (!layers.empty()) sweep(layers);
            request.undo = nullptr;
            changed(name, request, job, why);
        });
    };
    entry(name).changer = Worker::start(host_.loop, what, copy_deadline, undo, std::move(finished));
}

void Lifecycle::changed(const MachineName& name, const ChangeRequest& request, uint32_t job, const Result<kernel::Message>& done)
{
    MachineEntry& machine = entry(name);
    if (!done && request.undo && ended_without_a_word(done.error())) return take_back(name, request, job, done.error(), 0);
    machine.changer.reset();
    if (done && request.done) request.done(job, *done);
    if (!done && request.failed) request.failed();
    if (done && request.kind == JobKind::Rename) forget_failure_of_unit(name);
    const Result<> result = done ? Result<>() : Result<>(done.error());
    if (!request.reloads) return end_change(name, request, job, result);
    machine.reload_operation = host_.units.reload([this, name, request, job, result](const Result<>& reloaded) {
        enqueue([this, name, request, job, result, reloaded] {
            if (!reloaded) log_warning("systemd does not read its units again: {}", reloaded.error().text);
            end_change(name, request, job, result);
        });
    });
}

void Lifecycle::end_change(const MachineName& name, const ChangeRequest& request, uint32_t job, const Result<>& result)
{
    if (result) log_info("{}: done", request.what);
    else log_warning("{}: {}", request.what, result.error().text);
    entry(name).reload_operation.reset();
    if (request.result) {
        entry(*request.result).changing.clear();
        if (result) announcer_.appeared(*request.result);
        forget_if_gone(*request.result);
    }
    let_go(name);
    host_.jobs.end(job, result ? JobResult::Done : JobResult::Failed, result ? "" : result.error().text);
}

// Nothing is done to it any more.
void Lifecycle::let_go(const MachineName& name)
{
    MachineEntry& machine = entry(name);
    machine.changing.clear();
    machine.kept_still = machine.changed_running = false;
    auto waiting = std::exchange(machine.when_gone, {});
    for (auto& task : waiting) enqueue(std::move(task));
    forget_if_gone(name);
}

}  // namespace holm::daemon
