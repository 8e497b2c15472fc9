// ManagerObject: what there is. Anybody may ask for names and states (org.holm1(5) lists them); the rest is Inspect.
#include <sys/socket.h>

#include <algorithm>

#include "api/names.h"
#include "daemon/image_root.h"
#include "daemon/manager_object.h"
#include "daemon/process_facts.h"

namespace holm::daemon {

using machine::MachineName;
using systemd::ObjectPath;

std::string ManagerObject::version(const char*)
{
    return HOLM_VERSION;
}

void ManagerObject::get_machine(Reply reply, const std::string& text)
{
    auto name = machine::parse_name(text);
    if (!name) return reply.fail(name.error());
    if (view_or_fail(*name, reply)) reply.ok(ObjectPath{machine_path(*name)});
}

// pid 0 is the caller's own, as for machine1.
void ManagerObject::get_machine_by_pid(Reply reply, uint32_t pid)
{
    if (pid != 0) return find_by_pid(std::move(reply), pid);
    const std::string sender = reply.sender();
    authority_.identify(sender, [this, reply = std::move(reply)](Result<Credentials> caller) mutable {
        if (!caller) return reply.fail(caller.error());
        find_by_pid(std::move(reply), caller->pid);
    });
}

void ManagerObject::find_by_pid(Reply reply, uint32_t pid)
{
    auto cgroup = cgroup_of(static_cast<pid_t>(std::min<uint32_t>(pid, INT32_MAX)));
    if (cgroup)
        for (const MachineEntry* machine : lifecycle_.all())
            if (is_active(machine->life) && !cgroup_of_unit(*cgroup, unit_of(*machine)).empty())
                return reply.ok(ObjectPath{machine_path(machine->name)});
    reply.fail(error(Errc::NotFound, "process {} is of no machine", pid));
}

// As machine1: those whose payload runs.
void ManagerObject::list_machines(Reply reply)
{
    Views machines;
    for (const MachineEntry* machine : lifecycle_.all())
        if (machine->life.announced)
            machines.emplace_back(machine->name.text(), machine_class, machine_service, ObjectPath{machine_path(machine->name)});
    reply.ok(machines);
}

void ManagerObject::list_all(Reply reply)
{
    using Row = std::tuple<std::string, std::string, std::string, ObjectPath, std::string, uint32_t, bool, std::string, systemd::Labels>;
    std::vector<Row> rows;
    for (MachineView& view : list_views(lifecycle_, host_.catalogue))
        rows.emplace_back(view.name.text(), machine_class, view.service, ObjectPath{machine_path(view.name)},
                          std::string(machine::describe_state(view.state)), view.leader, view.frozen, view.unit, std::move(view.labels));
    reply.ok(rows);
}

namespace {
// (family, bytes), as machine1 has it.
std::pair<int32_t, std::vector<uint8_t>> dbus_address(const network::Address& address)
{
    const bool v4 = address.family == network::Family::V4;
    return {v4 ? AF_INET : AF_INET6, {address.bytes.begin(), address.bytes.begin() + (v4 ? 4 : 16)}};
}
}  // namespace

void ManagerObject::addresses(Reply reply, const std::string& text)
{
    auto name = machine::parse_name(text);
    if (!name) return reply.fail(name.error());
    if (!view_or_fail(*name, reply)) return;
    std::vector<std::pair<int32_t, std::vector<uint8_t>>> addresses;
    const MachineEntry* machine = lifecycle_.find(*name);
    if (machine && machine->plan)
        for (const network::Endpoint& endpoint : machine->plan->network.endpoints)
            for (const network::Cidr& cidr : endpoint.addresses) addresses.push_back(dbus_address(cidr.address));
    reply.ok(addresses);
}

void ManagerObject::describe(Reply reply, const std::string& text)
{
    authorise(std::move(reply), Privilege::Inspect, "show", text, [this](Reply granted, const MachineName& name) {
        auto view = view_or_fail(name, granted);
        if (!view) return;
        systemd::Options all = {
            {"Name", name.text()},
            {"State", std::string(machine::describe_state(view->state))},
            {"Frozen", view->frozen},
            {"Health", view->health},
            {"Held", view->held},
            {"HeldWhy", view->held_why},
            {"Started", view->started},
            {"Unit", view->unit},
            {"Leader", view->leader},
            {"Boots", view->boots},
            {"Restarts", view->restarts},
            {"RestartedAfter", view->restarted_after},
            {"NextBootMonotonic", view->next_boot},
            {"RootDirectory", view->root},
            {"ControlGroup", view->control_group},
            {"Limits", find_limits(host_, lifecycle_, name)},
            {"CgroupLimits", view->limits},
            {"Published", find_published(host_, lifecycle_, name)},
            {"Description", view->description},
            {"Owner", view->owner},
            {"Labels", view->labels},
            {"Definition", view->definition},
        };
        if (view->has_last) {
            all.insert({{"LastResult", std::string(describe_result(view->last.outcome.result))},
                        {"LastStatus", int32_t{view->last.outcome.status}},
                        {"LastFailure", view->last.failed ? view->last.outcome.why : ""}});
        }
        if (const Known* known = host_.catalogue.find(name); known && known->spec) {
            if (std::string image = find_image_below(*known->spec); !image.empty()) all.insert({{"Image", std::move(image)}});
        }
        const MachineEntry* machine = lifecycle_.find(name);
        if (machine && machine->plan) {
            const launch::Plan& plan = *machine->plan;
            all.insert({{"Plan", api::plan_path(name)},
                        {"Hostname", plan.payload.hostname},
                        {"Command", plan.payload.command},
                        {"Layers", plan.rootfs.lower},
                        {"Upper", plan.rootfs.upper_path},
                        {"UserBase", plan.rootfs.ids.base},
                        {"UserCount", plan.rootfs.ids.count}});
        }
        lifecycle_.read_limits(name, [granted = std::move(granted), all = std::move(all)](std::optional<systemd::Labels> limits) mutable {
            if (limits) all["Limits"] = std::move(*limits);
            granted.ok(all);
        });
    });
}

void ManagerObject::explain(Reply reply, const std::string& text)
{
    authorise(std::move(reply), Privilege::Inspect, "why", text, [this](Reply granted, const MachineName& name) {
        auto view = view_or_fail(name, granted);
        if (!view) return;
        systemd::Options all = {{"Name", name.text()}, {"State", std::string(machine::describe_state(view->state))}, {"Unit", view->unit}};
        if (!view->held.empty()) all.insert({{"Held", view->held}, {"HeldWhy", view->held_why}});
        if (view->restarts)
            all.insert({{"Restarts", view->restarts}, {"RestartedAfter", view->restarted_after}, {"NextBootMonotonic", view->next_boot}});
        if (!view->has_last || !view->last.failed) return granted.ok(all);
        const Outcome& outcome = view->last.outcome;
        all.insert({{"Why", outcome.why},
                    {"Result", std::string(describe_result(outcome.result))},
                    {"Status", int32_t{outcome.status}},
                    {"Boots", uint32_t{outcome.boots}},
                    {"Step", outcome.step},
                    {"Errno", int32_t{outcome.sys_errno}},
                    {"MemoryKills", outcome.memory_kills},
                    {"TasksRefused", outcome.tasks_refused},
                    {"GuestUnit", outcome.guest_unit},
                    {"Hints", machine::find_hints(failure_of(outcome), name.text())},
                    {"Console", outcome.console}});
        granted.ok(all);
    });
}

void ManagerObject::os_release(Reply reply, const std::string& text)
{
    authorise(std::move(reply), Privilege::Inspect, "show", text, [this](Reply granted, const MachineName& name) {
        const MachineEntry* machine = started_or_fail(name, granted);
        if (!machine) return;
        auto place = workers_.emplace(workers_.end());
        auto done = [this, place, granted = std::move(granted)](Result<std::map<std::string, std::string>> fields) mutable {
            auto ended = std::move(*place);
            workers_.erase(place);
            if (fields) granted.ok(*fields);
            else granted.fail(fields.error());
        };
        *place = start_reading_os_release(host_.loop, *machine, std::move(done));
    });
}

void ManagerObject::console(Reply reply, const std::string& text)
{
    authorise(std::move(reply), Privilege::Inspect, "logs", text, [this](Reply granted, const MachineName& name) {
        lifecycle_.ask(name, kernel::Message("console"), std::move(granted), [](Reply asked, const kernel::Message& answer) {
            const std::string_view output = answer.get("text");
            asked.ok(std::vector<uint8_t>(output.begin(), output.end()));
        });
    });
}

}  // namespace holm::daemon
