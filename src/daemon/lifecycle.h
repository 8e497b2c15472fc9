// Lifecycle: carries out what machine/state decides. Callbacks translate and post, one queue drains, from the loop and never from
// within a callback. Effects: by way of systemd/, the supervisor and the workers.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/catalogue.h"
#include "daemon/change_request.h"
#include "daemon/event_log.h"
#include "daemon/jobs.h"
#include "daemon/machine_entry.h"
#include "daemon/network_services.h"
#include "daemon/planner.h"
#include "daemon/releases.h"
#include "launch/changes.h"
#include "machine/settings.h"
#include "systemd/bus.h"
#include "systemd/loop.h"
#include "systemd/machined.h"
#include "systemd/unit.h"

namespace holm::daemon {

// The machines' time for a shutdown of the host has passed: made by holm-shutdown.service.
inline constexpr const char* shutdown_mark = "/run/holm/shutdown-deadline";

// What the lifecycle works with; all of it outlives it.
struct Host {
    systemd::Loop& loop;
    systemd::Bus& bus;
    systemd::Units& units;
    systemd::Machined& machined;
    Jobs& jobs;
    Catalogue& catalogue;
    const machine::Settings& settings;
    NetworkServices& network_services;
};

// Who tells the clients: signals of the Machine objects.
struct Announcer {
    std::move_only_function<void(const MachineEntry&)> changed;           // PropertiesChanged
    std::move_only_function<void(const machine::MachineName&)> appeared;  // the machine exists now
    std::move_only_function<void(const machine::MachineName&)> vanished;
};

class Lifecycle {
public:
    Lifecycle(Host host, Announcer announcer) : host_(host), announcer_(std::move(announcer)), releases_(host.loop) {}
    Lifecycle(const Lifecycle&) = delete;
    Lifecycle& operator=(const Lifecycle&) = delete;

    // Null: no life of this name here; it may still have a definition or a record.
    const MachineEntry* find(const machine::MachineName& name) const;
    std::vector<const MachineEntry*> all() const;
    // The Error that says that there is no such machine, with the nearest name.
    Error unknown(const machine::MachineName& name) const;
    // That it does not run, or that there is none.
    Error not_running(const machine::MachineName& name) const;

    // -- requests of clients, authorised; each reply is answered in time --------------------------------------------------------
    void run(const machine::MachineName& name, RunRequest request);
    void start(const machine::MachineName& name, std::string hold, Reply reply);
    // Of a start that is held at a step.
    void go_on(const machine::MachineName& name, Reply reply);
    void abort(const machine::MachineName& name, Reply reply);
    void stop(const machine::MachineName& name, Reply reply);
    void restart(const machine::MachineName& name, Reply reply);
    void terminate(const machine::MachineName& name, Reply reply);
    void remove(const machine::MachineName& name, Reply reply);
    // `control_group`: that of its unit.
    void prepare(const machine::MachineName& name, const std::string& control_group, Reply reply);
    void change(const machine::MachineName& name, ChangeRequest request, Reply reply);
    // Of several machines as one, each with a job of its own: all are done, or none is begun.
    void change_group(GroupRequest request, Reply reply);
    // Whether it is frozen for a copy: then nobody else freezes it or lets it go on.
    Result<> check_free_to_thaw(const machine::MachineName& name) const;
    // Whether something is being done to it, or it is being made: then it can be neither started nor changed.
    Result<> check_unchanging(const machine::MachineName& name) const;
    // What limits its unit has by now, whoever set them: of a machine that runs, where systemd says so.
    void read_limits(const machine::MachineName& name, std::move_only_function<void(std::optional<systemd::Labels>)> then);
    // Asks the supervisor of a machine that runs; `answered` has its answer, a refusal goes to the reply.
    void ask(const machine::MachineName& name, kernel::Message message, Reply reply,
             std::move_only_function<void(Reply, kernel::Message)> answered);

    // -- as its definition says, while it runs (lifecycle_apply.cc) ---------------------------------------------------------------
    // What is different: (key, before, after, "live" and the like) of each.
    enum class Shape { Rows, Text };
    void compare(const machine::MachineName& name, Shape shape, Reply reply);
    // The same, and all that is live is made, or nothing. With a time for it, it is taken back unless it is confirmed before.
    void apply(const machine::MachineName& name, std::chrono::microseconds confirm, Reply reply);
    void confirm(const machine::MachineName& name, Reply reply);
    void revert(const machine::MachineName& name, Reply reply);

    // What it has written is read: nothing starts or changes it until it is let go of. Errors: Busy.
    Result<> keep_for_reading(const machine::MachineName& name, const std::string& doing);
    void let_go_of(const machine::MachineName& name);

    // Nothing starts on the folder from here on, until it is let go.
    void hold_root(const std::string& folder) { held_roots_.insert(folder); }
    void let_go_of_root(const std::string& folder)
    {
        if (auto held = held_roots_.find(folder); held != held_roots_.end()) held_roots_.erase(held);
    }

    // The uuid that a machine without an identity will have: its first start draws none then. Forgotten with this holmd.
    std::string promise_uuid(const machine::MachineName& name);

    // Its networks are others now: the plan in /run was changed under it.
    void networks_changed(const machine::MachineName& name, launch::Plan plan);

    // -- what the host tells -----------------------------------------------------------------------------------------------------
    void on_job_removed(const std::string& unit, const std::string& result);
    void on_unit_removed(const std::string& unit);
    // Something has become of a machine that its life does not show: for the journal.
    void note(api::MachineEvent event, const machine::MachineName& name, const std::string& message);
    // A supervisor says that it has come up.
    void on_supervisor_up(const machine::MachineName& name);
    void on_connected();
    // Reads /run/holm/machines and the marks of temporary machines: the ordinary start of holmd.
    void rebuild();
    // Calls back once each machine that rebuild() has found was heard of, or is found dead: from then on requests find what there is.
    void when_heard(systemd::Callback done);

private:
    using Actions = std::vector<machine::Action>;

    // queue (lifecycle.cc)
    void enqueue(systemd::Callback task);
    void post(const machine::MachineName& name, machine::Event event);
    void drain();
    void handle(const machine::MachineName& name, const machine::Event& event);
    MachineEntry& entry(const machine::MachineName& name);
    MachineEntry* lookup(const machine::MachineName& name);
    void note_end(MachineEntry& machine, const char* step);
    void note_moment(MachineEntry& machine, machine::EventKind kind, machine::Stage before);
    void tell_journal(MachineEntry& machine, const machine::Life& before);
    void settle(MachineEntry& machine);
    void forget_if_gone(const machine::MachineName& name);
    void catch_up(const machine::MachineName& name);

    // requests (lifecycle_requests.cc)
    void do_run(const machine::MachineName& name, RunRequest request);
    void run_after(MachineEntry& machine, RunRequest request);
    void do_start(const machine::MachineName& name, const std::string& hold, Reply reply);
    Result<MachineEntry*> held(const machine::MachineName& name);
    void tell_held(MachineEntry& machine);
    void do_stop(const machine::MachineName& name, Reply reply);
    void do_restart(const machine::MachineName& name, Reply reply);
    void forget_failure_of_unit(const machine::MachineName& name);
    void do_remove(const machine::MachineName& name, Reply reply);
    void do_prepare(const machine::MachineName& name, const std::string& control_group, Reply reply);
    void start_image(const machine::MachineName& name, const std::string& hold, Reply reply);
    void start_running(const MachineEntry& machine, Reply reply);
    void check_restart(MachineEntry& machine);
    void restart_checked(const machine::MachineName& name, Reply reply);
    bool refuse_protected(const machine::MachineName& name, const char* verb, Reply& reply);

    // changes (lifecycle_changes.cc)
    void do_change(const machine::MachineName& name, ChangeRequest request, Reply reply);
    Result<> check_change(const machine::MachineName& name, const ChangeRequest& request);
    Result<> check_dependants(const machine::MachineName& name);
    void freeze_and_work(MachineEntry& machine, ChangeRequest request, uint32_t job);
    void start_work(const machine::MachineName& name, ChangeRequest request, uint32_t job);
    void thawed(MachineEntry& machine);
    void give_up_group_of(const machine::MachineName& name);
    void confirm_still(MachineEntry& machine, std::move_only_function<void(Result<>)> then);
    void thaw_again(MachineEntry& machine, systemd::Callback then);
    void ask_to(const char* request, MachineEntry& machine, std::move_only_function<void(Result<>)> then);
    void answer_change(MachineEntry& machine, Result<> answer);
    void sweep(const std::string& layers);
    void worked(const machine::MachineName& name, const ChangeRequest& request, uint32_t job,
                const std::shared_ptr<Result<kernel::Message>>& done);
    void let_go_on(const machine::MachineName& name, const ChangeRequest& request, uint32_t job,
                   const std::shared_ptr<Result<kernel::Message>>& done);
    void take_back(const machine::MachineName& name, ChangeRequest request, uint32_t job, const Error& why, unsigned attempt);
    void changed(const machine::MachineName& name, const ChangeRequest& request, uint32_t job, const Result<kernel::Message>& done);
    void end_change(const machine::MachineName& name, const ChangeRequest& request, uint32_t job, const Result<>& result);
    bool refuse_changing(const machine::MachineName& name, Reply& reply) const;
    void announce_if_new(const machine::MachineName& name);
    void let_go(const machine::MachineName& name);

    // changes of several machines as one (lifecycle_groups.cc)
    using Group = std::list<GroupChange>::iterator;
    void do_change_group(GroupRequest request, Reply reply);
    Result<> check_group(const GroupRequest& request);
    void group_checked(Group group, const Result<>& checked);
    void freeze_group(Group group);
    void copy_more(Group group);
    void copied(Group group, size_t index, const Result<std::string>& layer);
    void confirm_group(Group group);
    void thaw_group(Group group);
    void write_down_group(Group group);
    void settle_group(Group group, unsigned attempt);
    void end_group(Group group);
    void group_answered(Group group, void (Lifecycle::*then)(Group));
    void take_back_unfinished_groups();

    // as it runs (lifecycle_apply.cc)
    Result<MachineEntry*> changeable(const machine::MachineName& name);
    void read_unit(const MachineEntry& machine, std::move_only_function<void(systemd::UnitProperties)> then);
    void with_unit_state(MachineEntry& machine, Reply reply, std::move_only_function<void(MachineEntry&, Reply)> then);
    void compare_with_unit(MachineEntry& machine, Shape shape, Reply reply);
    void apply_with_unit(MachineEntry& machine, std::chrono::microseconds confirm, Reply reply);
    void applied(const machine::MachineName& name, std::chrono::microseconds confirm, Reply reply,
                 Result<std::vector<launch::Change>> changes);
    void tell_properties(MachineEntry& machine, std::vector<launch::UnitProperty> properties,
                         std::move_only_function<void(const Result<>&)> told);
    Result<> await_confirmation(MachineEntry& machine, std::chrono::microseconds confirm);
    Result<> watch_confirmation(MachineEntry& machine);
    void resume_confirmation(MachineEntry& machine);
    void confirmation_missing(const machine::MachineName& name);
    bool keep_changes(MachineEntry& machine);
    void apply_after(MachineEntry& machine, std::chrono::microseconds confirm, PlanRequest request, Reply reply);
    void undo(const machine::MachineName& name, std::optional<Error> why, std::optional<Reply> reply);
    void undone(const machine::MachineName& name, std::optional<Error> why, std::optional<Reply> reply, const Result<>& done);
    void end_apply(MachineEntry& machine);

    // actions (lifecycle_actions.cc)
    void perform(MachineEntry& machine, machine::Action action);
    void plan(MachineEntry& machine);
    Result<PlanRequest> plan_request(const MachineEntry& machine);
    void planned(const machine::MachineName& name, Result<launch::Plan> plan);
    Result<launch::Plan> check_root(launch::Plan plan) const;
    void answer_prepare(MachineEntry& machine);
    void tell_prepared(MachineEntry& machine, const Result<systemd::UnitProperties>& real, const std::vector<std::string>& written);
    void refuse_prepare(MachineEntry& machine);
    void spawn(MachineEntry& machine);
    void start_scope(MachineEntry& machine);
    Result<> limit_scope(MachineEntry& machine);
    void go(MachineEntry& machine);
    void stop_unit(MachineEntry& machine);
    void ask_later(MachineEntry& machine);
    void ask_again(const machine::MachineName& name);
    void terminate_all(MachineEntry& machine);
    void kill_unit(MachineEntry& machine);
    void register_with_machined(MachineEntry& machine);

    // the unit of a service (lifecycle_service.cc)
    void start_service(MachineEntry& machine);
    Error explain_start(const machine::MachineName& name, Error why);
    MachineEntry* answered_start(const machine::MachineName& name, unsigned number);
    void forget_runtime_properties(const machine::MachineName& name);
    void look_at_unit(MachineEntry& machine, std::optional<Error> failure);
    void restart_service(MachineEntry& machine, Reply reply);
    void look_at_restart(MachineEntry& machine, Result<> result);
    void end_restart(MachineEntry& machine, const Result<>& result);

    // the end (lifecycle_end.cc)
    void release_runtime(MachineEntry& machine);
    void start_release(MachineEntry& machine, Keep keep);
    void release_later(MachineEntry& machine);
    void remove_record(MachineEntry& machine);
    void removed(const machine::MachineName& name, const Result<>& result);
    void answer_removal(MachineEntry& machine, const Result<>& result);
    void start_ended(MachineEntry& machine, JobResult result);
    void stop_ended(MachineEntry& machine);

    // the supervisor (lifecycle_supervisor.cc)
    ControlClient::Listener listener(const machine::MachineName& name);
    Result<> connect(MachineEntry& machine);
    void on_state(const machine::MachineName& name, const SupervisorState& state);
    void on_lost(const machine::MachineName& name);
    void drop_control(MachineEntry& machine);
    std::string describe_loss() const;
    void settle_stopped(const machine::MachineName& name, const std::string& unit);
    bool meet_supervisor(const machine::MachineName& name);
    void meet_again(const machine::MachineName& name, unsigned attempt);
    bool end_as_written(MachineEntry& machine);
    void take_last_word(MachineEntry& machine, Outcome outcome);
    void stop_empty_scope(MachineEntry& machine);
    void end_life(MachineEntry& machine);
    void note_times(MachineEntry& machine, const SupervisorState& state);
    machine::Event event_of(const MachineEntry& machine, machine::EventKind kind) const;

    // when holmd starts (lifecycle_rebuild.cc)
    void rebuild_one(const std::string& folder);
    void adopt(const machine::MachineName& name, launch::Plan plan);
    void adopt_by_supervisor(const machine::MachineName& name, const std::string& why);
    void await_found(const machine::MachineName& name);
    void await_supervisor(const machine::MachineName& name, unsigned attempt);
    void found_dead(MachineEntry& machine);
    void stop_dead_scopes();
    void heard_of(const machine::MachineName& name);
    void tell_heard();
    void quarantine(const std::string& folder, const std::string& why);

    Host host_;
    Announcer announcer_;
    std::map<machine::MachineName, std::unique_ptr<MachineEntry>> machines_;
    Releases releases_;
    EventLog events_;
    std::map<machine::MachineName, std::string> promised_uuids_;
    std::multiset<std::string> held_roots_;   // paths that nothing may start on now
    std::set<machine::MachineName> unheard_;  // found, and not heard of yet
    systemd::Callback on_heard_;
    std::deque<systemd::Callback> queue_;
    systemd::Source drain_;
    std::vector<std::string> dead_scopes_;           // of machines that were found dead: to be stopped
    std::list<systemd::Operation> stopping_scopes_;  // being stopped
    std::list<systemd::Operation> unit_reads_;       // of machines that run
    std::list<std::unique_ptr<Worker>> comparers_;   // of machines that run
    std::list<GroupChange> groups_;
    std::unique_ptr<Worker> group_undoer_;                          // of those that the last holmd has left; nobody calls us till then
    std::list<std::unique_ptr<Worker>> sweepers_;                   // that remove layers nobody needs
    std::map<machine::MachineName, systemd::Operation> disabling_;  // of definitions that were removed
    std::map<machine::MachineName, systemd::Operation> resetting_;  // of units that have failed, and of those of machines that were removed
};

// "its payload exited with status 3": the sentence of an end that says none itself; "" for a good one.
std::string describe_end(const Outcome& outcome);

// What a reply about a start that failed says: the step's own error, or the sentence of the life.
Error failure_of(const MachineEntry& machine);

std::string unit_of(const MachineEntry& machine);

// A file that says that holmd has frozen the machine, and that it is to go on.
std::string thaw_mark(const machine::MachineName& name);

}  // namespace holm::daemon
