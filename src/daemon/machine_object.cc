#include "daemon/machine_object.h"

#include <array>
#include <cstdlib>
#include <ctime>

#include "api/names.h"
#include "base/text.h"
#include "systemd/node_list.h"

namespace holm::daemon {

using machine::MachineName;
using systemd::Changes;

namespace {

// The machine's name in "/org/holm1/machine/web_2d1".
std::optional<MachineName> name_of_path(const char* path)
{
    char* text = nullptr;
    if (sd_bus_path_decode(path, api::machines_path, &text) <= 0) return {};
    auto name = machine::parse_name(text);
    ::free(text);
    if (!name) return {};
    return *name;
}

}  // namespace

MachineObject::MachineObject(Host host, Lifecycle& lifecycle, ManagerObject& manager)
    : host_(host), lifecycle_(lifecycle), manager_(manager)
{
    build_vtable();
}

// As src/api/org.holm1.Machine.xml, in its order; tests/bus compares the two.
void MachineObject::build_vtable()
{
    using M = MachineObject;
    builder_.property<&M::name>("Name", Changes::Const)
        .property<&M::id>("Id", Changes::Emitted)
        .property<&M::timestamp>("Timestamp", Changes::Emitted)
        .property<&M::timestamp_monotonic>("TimestampMonotonic", Changes::Silent)
        .property<&M::service>("Service", Changes::Silent)
        .property<&M::unit>("Unit", Changes::Emitted)
        .property<&M::leader>("Leader", Changes::Emitted)
        .property<&M::machine_kind>("Class", Changes::Const)
        .property<&M::root>("RootDirectory", Changes::Emitted)
        .property<&M::interfaces>("NetworkInterfaces", Changes::Silent)
        .property<&M::state>("State", Changes::Emitted)
        .property<&M::frozen>("Frozen", Changes::Emitted)
        .property<&M::started>("Started", Changes::Emitted)
        .property<&M::started_at>("StartedTimestamp", Changes::Emitted)
        .property<&M::ready_at>("ReadyTimestamp", Changes::Emitted)
        .property<&M::timing>("Timing", Changes::Silent)
        .property<&M::boots>("Boots", Changes::Emitted)
        .property<&M::restarts>("Restarts", Changes::Emitted)
        .property<&M::restarted_after>("RestartedAfter", Changes::Emitted)
        .property<&M::next_boot>("NextBootMonotonic", Changes::Emitted)
        .property<&M::health>("Health", Changes::Emitted)
        .property<&M::held>("Held", Changes::Emitted)
        .property<&M::held_why>("HeldWhy", Changes::Emitted)
        .property<&M::control_group>("ControlGroup", Changes::Emitted)
        .property<&M::limits>("Limits", Changes::Silent)
        .property<&M::cgroup_limits>("CgroupLimits", Changes::Silent)
        .property<&M::stop_timeout>("StopTimeoutUSec", Changes::Silent)
        .property<&M::published>("Published", Changes::Silent)
        .property<&M::description>("Description", Changes::Silent)
        .property<&M::labels>("Labels", Changes::Silent)
        .property<&M::owner>("Owner", Changes::Silent)
        .property<&M::definition>("Definition", Changes::Silent)
        .property<&M::last_result>("LastResult", Changes::Emitted)
        .property<&M::last_status>("LastStatus", Changes::Emitted)
        .property<&M::last_failure>("LastFailure", Changes::Emitted)
        .method<&M::start>("Start", "", "o", "job")
        .method<&M::stop>("Stop", "", "o", "job")
        .method<&M::restart>("Restart", "", "o", "job")
        .method<&M::reboot>("Reboot", "")
        .method<&M::terminate>("Terminate", "")
        .method<&M::kill>("Kill", "whom signal")
        .method<&M::freeze>("Freeze", "")
        .method<&M::thaw>("Thaw", "")
        .method<&M::set_properties>("SetProperties", "properties runtime");
    vtable_ = builder_.finish();
}

Result<> MachineObject::attach()
{
    sd_bus_slot* slot = nullptr;
    int r = sd_bus_add_fallback_vtable(host_.bus.get(), &slot, api::machines_path, api::machine_interface, vtable_, find, this);
    if (r < 0) return errno_error(-r, "cannot put {} on the bus", api::machine_interface);
    slot_.reset(slot);
    if (r = sd_bus_add_node_enumerator(host_.bus.get(), &slot, api::machines_path, enumerate, this); r < 0)
        return errno_error(-r, "cannot list the machines on the bus");
    nodes_.reset(slot);
    return {};
}

int MachineObject::find(sd_bus*, const char* path, const char*, void* self, void** found, sd_bus_error*) noexcept
{
    auto* object = static_cast<MachineObject*>(self);
    auto name = name_of_path(path);
    auto view = name ? find_view(object->lifecycle_, object->host_.catalogue, *name) : std::nullopt;
    if (!view) return 0;
    object->found_ = std::move(*view);
    *found = self;
    return 1;
}

int MachineObject::enumerate(sd_bus*, const char*, void* self, char*** nodes, sd_bus_error*) noexcept
{
    auto* object = static_cast<MachineObject*>(self);
    std::vector<std::string> paths;
    for (const MachineView& view : list_views(object->lifecycle_, object->host_.catalogue)) paths.push_back(machine_path(view.name));
    *nodes = systemd::new_node_list(paths);
    return *nodes ? 0 : -ENOMEM;
}

// sd-bus looks the object up by find() before it reads properties, all or some, in the same call.
const MachineView& MachineObject::view_of(const char* path)
{
    auto name = name_of_path(path);
    if (!name) found_ = {};
    else if (found_.name != *name) found_ = find_view(lifecycle_, host_.catalogue, *name).value_or(MachineView{.name = *name});
    return found_;
}

void MachineObject::changed(const MachineName& name)
{
    if (!host_.bus.connected()) return;
    std::array<const char*, 22> properties = {"State",
                                              "Frozen",
                                              "Started",
                                              "StartedTimestamp",
                                              "ReadyTimestamp",
                                              "Timestamp",
                                              "Boots",
                                              "Leader",
                                              "Unit",
                                              "ControlGroup",
                                              "RootDirectory",
                                              "Id",
                                              "LastResult",
                                              "LastStatus",
                                              "LastFailure",
                                              "Health",
                                              "Held",
                                              "HeldWhy",
                                              "Restarts",
                                              "RestartedAfter",
                                              "NextBootMonotonic",
                                              nullptr};
    static_cast<void>(sd_bus_emit_properties_changed_strv(host_.bus.get(), machine_path(name).c_str(), api::machine_interface,
                                                          const_cast<char**>(properties.data())));
}

void MachineObject::appeared(const MachineName& name)
{
    if (host_.bus.connected()) static_cast<void>(sd_bus_emit_object_added(host_.bus.get(), machine_path(name).c_str()));
}

void MachineObject::vanished(const MachineName& name)
{
    if (host_.bus.connected())
        static_cast<void>(sd_bus_emit_interfaces_removed(host_.bus.get(), machine_path(name).c_str(), api::machine_interface, nullptr));
}

// The same moment by CLOCK_MONOTONIC, as machine1 has it.
uint64_t MachineObject::timestamp_monotonic(const char* path)
{
    const uint64_t created = view_of(path).times.created;
    timespec real{}, monotonic{};
    ::clock_gettime(CLOCK_REALTIME, &real);
    ::clock_gettime(CLOCK_MONOTONIC, &monotonic);
    auto micro = [](const timespec& time) {
        return static_cast<uint64_t>(time.tv_sec) * 1000000 + static_cast<uint64_t>(time.tv_nsec) / 1000;
    };
    const uint64_t age = micro(real) > created ? micro(real) - created : 0;
    return created && age < micro(monotonic) ? micro(monotonic) - age : 0;
}

std::string MachineObject::last_result(const char* path)
{
    const MachineView& view = view_of(path);
    return view.has_last ? std::string(describe_result(view.last.outcome.result)) : "";
}

std::string MachineObject::last_failure(const char* path)
{
    const MachineView& view = view_of(path);
    return view.last.failed ? view.last.outcome.why : "";
}

namespace {
std::string name_of_call(const Reply& reply)
{
    auto name = name_of_path(sd_bus_message_get_path(reply.call()));
    return name ? name->text() : "";
}
}  // namespace

void MachineObject::start(Reply reply)
{
    std::string machine = name_of_call(reply);
    manager_.start(std::move(reply), machine);
}
void MachineObject::stop(Reply reply)
{
    std::string machine = name_of_call(reply);
    manager_.stop(std::move(reply), machine);
}
void MachineObject::restart(Reply reply)
{
    std::string machine = name_of_call(reply);
    manager_.restart(std::move(reply), machine);
}
void MachineObject::reboot(Reply reply)
{
    std::string machine = name_of_call(reply);
    manager_.reboot(std::move(reply), machine);
}
void MachineObject::terminate(Reply reply)
{
    std::string machine = name_of_call(reply);
    manager_.terminate(std::move(reply), machine);
}
void MachineObject::kill(Reply reply, std::string whom, int32_t signal)
{
    std::string machine = name_of_call(reply);
    manager_.kill(std::move(reply), machine, std::move(whom), signal);
}
void MachineObject::freeze(Reply reply)
{
    std::string machine = name_of_call(reply);
    manager_.freeze(std::move(reply), machine);
}
void MachineObject::thaw(Reply reply)
{
    std::string machine = name_of_call(reply);
    manager_.thaw(std::move(reply), machine);
}
void MachineObject::set_properties(Reply reply, const Assignments& assignments, bool runtime)
{
    std::string machine = name_of_call(reply);
    manager_.set_properties(std::move(reply), machine, assignments, runtime);
}

// -- jobs ---------------------------------------------------------------------------------------------------------------------------

namespace {
std::optional<uint32_t> id_of_path(std::string_view path)
{
    const std::string_view folder = api::jobs_path;
    if (!path.starts_with(folder) || path.size() <= folder.size() + 1) return {};
    auto number = parse_number(path.substr(folder.size() + 1), UINT32_MAX);
    if (!number) return {};
    return static_cast<uint32_t>(*number);
}
}  // namespace

JobObject::JobObject(Host host, ManagerObject& manager) : host_(host), manager_(manager)
{
    builder_.property<&JobObject::id>("Id", Changes::Const)
        .property<&JobObject::machine>("Machine", Changes::Const)
        .property<&JobObject::kind>("JobType", Changes::Const)
        .property<&JobObject::image>("Image", Changes::Const)
        .property<&JobObject::bytes>("Bytes", Changes::Emitted)
        .property<&JobObject::total>("TotalBytes", Changes::Emitted)
        .property<&JobObject::digest>("Digest", Changes::Emitted)
        .method<&JobObject::cancel>("Cancel", "");
    vtable_ = builder_.finish();
}

Result<> JobObject::attach()
{
    sd_bus_slot* slot = nullptr;
    int r = sd_bus_add_fallback_vtable(host_.bus.get(), &slot, api::jobs_path, api::job_interface, vtable_, find, this);
    if (r < 0) return errno_error(-r, "cannot put {} on the bus", api::job_interface);
    slot_.reset(slot);
    if (r = sd_bus_add_node_enumerator(host_.bus.get(), &slot, api::jobs_path, enumerate, this); r < 0)
        return errno_error(-r, "cannot list the jobs on the bus");
    nodes_.reset(slot);
    return {};
}

int JobObject::find(sd_bus*, const char* path, const char*, void* self, void** found, sd_bus_error*) noexcept
{
    auto id = id_of_path(path);
    if (!id || !static_cast<JobObject*>(self)->host_.jobs.find(*id)) return 0;
    *found = self;
    return 1;
}

int JobObject::enumerate(sd_bus*, const char*, void* self, char*** nodes, sd_bus_error*) noexcept
{
    std::vector<std::string> paths;
    for (auto& [id, job] : static_cast<JobObject*>(self)->host_.jobs.all()) paths.push_back(job_path(id));
    *nodes = systemd::new_node_list(paths);
    return *nodes ? 0 : -ENOMEM;
}

const Job& JobObject::job_of(const char* path)
{
    static const Job none;
    auto id = id_of_path(path);
    const Job* job = id ? host_.jobs.find(*id) : nullptr;
    return job ? *job : none;
}

std::tuple<std::string, systemd::ObjectPath> JobObject::machine(const char* path)
{
    const Job& job = job_of(path);
    return {job.machine.text(), systemd::ObjectPath{job.machine.text().empty() ? "/" : machine_path(job.machine)}};
}

void JobObject::cancel(Reply reply)
{
    const uint32_t id = job_of(sd_bus_message_get_path(reply.call())).id;
    manager_.cancel_job(std::move(reply), id);
}

}  // namespace holm::daemon
