// MachineObject: org.holm1.Machine, one object for every machine that exists, below /org/holm1/machine; and org.holm1.Job, one for
// every job. Effects: answers calls, emits signals.
#pragma once

#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "daemon/machine_view.h"
#include "daemon/manager_object.h"
#include "systemd/vtable.h"

namespace holm::daemon {

class MachineObject {
public:
    MachineObject(Host host, Lifecycle& lifecycle, ManagerObject& manager);
    MachineObject(const MachineObject&) = delete;
    MachineObject& operator=(const MachineObject&) = delete;

    Result<> attach();
    std::optional<Reply> receive(sd_bus_message* message) { return manager_.receive(message); }

    void changed(const machine::MachineName& name);
    void appeared(const machine::MachineName& name);
    void vanished(const machine::MachineName& name);

private:
    void build_vtable();
    const MachineView& view_of(const char* path);
    // sd-bus asks which objects there are, and whether one is.
    static int find(sd_bus*, const char* path, const char*, void* self, void** found, sd_bus_error*) noexcept;
    static int enumerate(sd_bus*, const char*, void* self, char*** nodes, sd_bus_error*) noexcept;

    // properties
    std::string name(const char* path) { return view_of(path).name.text(); }
    std::vector<uint8_t> id(const char* path) { return view_of(path).id; }
    uint64_t timestamp(const char* path) { return view_of(path).times.created; }
    uint64_t timestamp_monotonic(const char* path);
    std::string service(const char* path) { return view_of(path).service; }
    std::string unit(const char* path) { return view_of(path).unit; }
    uint32_t leader(const char* path) { return view_of(path).leader; }
    std::string machine_kind(const char*) { return machine_class; }
    std::string root(const char* path) { return view_of(path).root; }
    std::vector<int32_t> interfaces(const char*) { return {}; }
    std::string state(const char* path) { return std::string(machine::describe_state(view_of(path).state)); }
    bool frozen(const char* path) { return view_of(path).frozen; }
    bool started(const char* path) { return view_of(path).started; }
    uint64_t started_at(const char* path) { return view_of(path).times.started; }
    uint64_t ready_at(const char* path) { return view_of(path).times.ready; }
    std::map<std::string, uint64_t> timing(const char* path) { return view_of(path).timing; }
    uint32_t boots(const char* path) { return view_of(path).boots; }
    uint32_t restarts(const char* path) { return view_of(path).restarts; }
    std::string restarted_after(const char* path) { return view_of(path).restarted_after; }
    uint64_t next_boot(const char* path) { return view_of(path).next_boot; }
    std::string health(const char* path) { return view_of(path).health; }
    std::string held(const char* path) { return view_of(path).held; }
    std::string held_why(const char* path) { return view_of(path).held_why; }
    std::string control_group(const char* path) { return view_of(path).control_group; }
    systemd::Labels limits(const char* path) { return find_limits(host_, lifecycle_, view_of(path).name); }
    uint64_t stop_timeout(const char* path) { return view_of(path).stop_timeout; }
    std::vector<std::string> published(const char* path) { return find_published(host_, lifecycle_, view_of(path).name); }
    systemd::Labels cgroup_limits(const char* path) { return view_of(path).limits; }
    std::string description(const char* path) { return view_of(path).description; }
    systemd::Labels labels(const char* path) { return view_of(path).labels; }
    std::string owner(const char* path) { return view_of(path).owner; }
    std::string definition(const char* path) { return view_of(path).definition; }
    std::string last_result(const char* path);
    int32_t last_status(const char* path) { return view_of(path).last.outcome.status; }
    std::string last_failure(const char* path);

    // methods
    void start(Reply reply);
    void stop(Reply reply);
    void restart(Reply reply);
    void reboot(Reply reply);
    void terminate(Reply reply);
    void kill(Reply reply, std::string whom, int32_t signal);
    void freeze(Reply reply);
    void thaw(Reply reply);
    void set_properties(Reply reply, const Assignments& assignments, bool runtime);

    Host host_;
    Lifecycle& lifecycle_;
    ManagerObject& manager_;
    systemd::VtableBuilder<MachineObject, Reply> builder_;
    const sd_bus_vtable* vtable_ = nullptr;
    Handle<sd_bus_slot, sd_bus_slot_unref> slot_, nodes_;
    MachineView found_;  // the machine whose properties are being read
};

class JobObject {
public:
    JobObject(Host host, ManagerObject& manager);
    JobObject(const JobObject&) = delete;
    JobObject& operator=(const JobObject&) = delete;

    Result<> attach();
    std::optional<Reply> receive(sd_bus_message* message) { return manager_.receive(message); }

private:
    const Job& job_of(const char* path);
    static int find(sd_bus*, const char* path, const char*, void* self, void** found, sd_bus_error*) noexcept;
    static int enumerate(sd_bus*, const char*, void* self, char*** nodes, sd_bus_error*) noexcept;
    uint32_t id(const char* path) { return job_of(path).id; }
    std::tuple<std::string, systemd::ObjectPath> machine(const char* path);
    std::string kind(const char* path) { return std::string(describe_kind(job_of(path).kind)); }
    std::string image(const char* path) { return job_of(path).image; }
    uint64_t bytes(const char* path) { return job_of(path).bytes; }
    uint64_t total(const char* path) { return job_of(path).total; }
    std::string digest(const char* path) { return job_of(path).digest; }
    void cancel(Reply reply);

    Host host_;
    ManagerObject& manager_;
    systemd::VtableBuilder<JobObject, Reply> builder_;
    const sd_bus_vtable* vtable_ = nullptr;
    Handle<sd_bus_slot, sd_bus_slot_unref> slot_, nodes_;
};

}  // namespace holm::daemon
