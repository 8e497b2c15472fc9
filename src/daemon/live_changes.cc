#include "daemon/live_changes.h"

#include <algorithm>
#include <utility>

#include "api/names.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/inside.h"
#include "daemon/live_root.h"
#include "daemon/network_files.h"
#include "daemon/network_links.h"
#include "daemon/networks.h"
#include "daemon/overridden.h"
#include "daemon/planner_child.h"
#include "launch/plan_file.h"
#include "launch/unit_state.h"
#include "network/apply_flows.h"
#include "network/apply_host.h"
#include "network/apply_machine.h"
#include "network/steps.h"

namespace holm::daemon {

using machine::MachineName;
using network::Endpoint;
using rootfs::Mount;

namespace {

constexpr std::chrono::seconds change_deadline{30};
constexpr size_t max_shown = 512;  // bytes of a value in the answer of the child

enum class OnError { Stop, GoOn };

// In the child: the machine, and what is known of it.
struct Work {
    MachineName name;
    Leader leader;
    unsigned boots = 0;
    machine::Firewall firewall = machine::Firewall::Manage;
    network::Facts drawn = {};  // of networks that are joined; of one that is not in it, what is on disk
};

Work work_of(const MachineEntry& machine, machine::Firewall firewall)
{
    return {.name = machine.name, .leader = leader_of(machine), .boots = machine.told.boots, .firewall = firewall};
}

Result<launch::Plan> read_current(const MachineName& name)
{
    auto plan = read_plan(api::plan_path(name));
    if (!plan && plan.error().code == Errc::NotFound) return error(Errc::Busy, "machine '{}' has just ended", name.text());
    return plan;
}

// -- networks -------------------------------------------------------------------------------------------------------------------------

const Endpoint& endpoint_of(const std::vector<Endpoint>& endpoints, const std::string& interface)
{
    return *std::ranges::find(endpoints, interface, &Endpoint::interface);
}

// The segment that the endpoint is on, with its lease where one was drawn just now.
Result<network::Facts> facts_of(const Work& work, const Endpoint& endpoint)
{
    network::Facts facts;
    for (const auto& [index, segment] : work.drawn.segments) {
        auto lease = work.drawn.leases.find(index);
        if (segment.name != endpoint.network || lease == work.drawn.leases.end() || lease->second.interface != endpoint.interface) continue;
        facts.segments[0] = segment;
        facts.leases[0] = lease->second;
        return facts;
    }
    if (endpoint.network.empty()) return facts;
    auto segment = TRY(read_segment(Place::Up, endpoint.network));
    if (!segment) segment = TRY(read_segment(Place::Drawn, endpoint.network));
    if (segment) facts.segments[0] = std::move(*segment);
    return facts;
}

Result<> save_networks(launch::Plan& now, network::Plan after)
{
    after.kind = after.endpoints.empty() ? network::Kind::None : network::Kind::Endpoints;
    now.network = std::move(after);
    return save_plan(now);
}

Result<> leave(const Work& work, launch::Plan& now, const std::string& interface)
{
    const Endpoint leaving = endpoint_of(now.network.endpoints, interface);
    network::Plan after = now.network;
    std::erase_if(after.endpoints, [&](const Endpoint& endpoint) { return endpoint.interface == interface; });
    if (leaving.host_interface.empty()) {
        const Fd leader = TRY(work.leader.open());
        TRY(network::remove_inside(leaving, leader.get()));
    }
    auto left = leave_networks(work.name, {.kind = network::Kind::Endpoints, .endpoints = {leaving}}, after);
    TRY(save_networks(now, std::move(after)));
    return left;
}

Result<> join(const Work& work, launch::Plan& now, const launch::Plan& to, const std::string& interface)
{
    network::Plan after = now.network;
    after.endpoints.push_back(endpoint_of(to.network.endpoints, interface));
    const network::Facts facts = TRY(facts_of(work, after.endpoints.back()));
    const network::Plan added{.kind = network::Kind::Endpoints,
                              .endpoints = {endpoint_of(network::with_routes_in_use(to.network.endpoints), interface)}};
    const Fd leader = TRY(work.leader.open());
    TRY(save_networks(now, std::move(after)));
    TRY(join_networks(work.name, now.network, facts, work.firewall));
    return add_interfaces(work.name, added, work.leader.pid, leader.get());
}

// The rules of one endpoint, before and after, in one transaction: no packet meets neither.
Result<> change_rules(const Work& work, const Endpoint& before, const Endpoint& after)
{
    if (work.firewall != machine::Firewall::Manage || !TRY(network::has_ruleset())) return {};
    network::RulesetChange change = network::plan_removal(network::MachineEndpoints{work.name.text(), {before}});
    return network::apply_ruleset(change += network::plan_addition(network::MachineEndpoints{work.name.text(), {after}}));
}

Result<> change(const Work& work, launch::Plan& now, const launch::Plan& to, const std::string& interface)
{
    network::Plan after = now.network;
    Endpoint& endpoint = *std::ranges::find(after.endpoints, interface, &Endpoint::interface);
    const Endpoint before = std::exchange(endpoint, endpoint_of(to.network.endpoints, interface));
    const Endpoint wanted = endpoint;
    const network::Facts facts = TRY(facts_of(work, wanted));
    TRY(check_published(work.name, after));
    TRY(save_networks(now, std::move(after)));
    TRY(change_rules(work, before, wanted));
    TRY(join_networks(work.name, now.network, facts, work.firewall));
    std::vector<network::Publication> gone = before.published;
    std::erase_if(gone, [&](const auto& published) { return std::ranges::find(wanted.published, published) != wanted.published.end(); });
    TRY(network::forget_translated(before, gone));
    TRY(network::allow_hairpin(wanted));
    return before.ingress == wanted.ingress && before.egress == wanted.egress ? Result<>() : network::change_rates(wanted);
}

// -- a machine from one plan to another -----------------------------------------------------------------------------------------------

Result<> make(const Work& work, launch::Plan& now, const launch::Plan& to, OnError on_error)
{
    Result<> result;
    auto failed = [&](Result<> done) {
        if (!done && result) result = std::move(done);
        return !result && on_error == OnError::Stop;
    };
    const network::Steps steps = network::steps_between(now.network, to.network);
    const std::vector<Mount> mounts = now.rootfs.mounts;
    auto has = [](const std::vector<Mount>& all, const Mount& mount) { return std::ranges::find(all, mount) != all.end(); };
    for (const std::string& interface : steps.leave)
        if (failed(leave(work, now, interface))) return result;
    for (const std::string& interface : steps.join)
        if (failed(join(work, now, to, interface))) return result;
    for (const std::string& interface : steps.change)
        if (failed(change(work, now, to, interface))) return result;
    if (!steps.leave.empty() && !now.network.endpoints.empty()) {
        const Fd leader = TRY(work.leader.open());
        const network::Plan routes{.kind = network::Kind::Endpoints, .endpoints = network::with_routes_in_use(to.network.endpoints)};
        if (failed(network::change_routes(routes, leader.get()))) return result;
    }
    for (const Mount& mount : mounts)
        if (!has(to.rootfs.mounts, mount) && failed(detach_mount(work.leader, now, mount))) return result;
    for (const Mount& mount : to.rootfs.mounts)
        if (!has(mounts, mount) && failed(attach_mount(work.leader, now, mount))) return result;
    const std::vector<rootfs::Device> devices = now.rootfs.devices;
    auto knows = [](const std::vector<rootfs::Device>& all, const rootfs::Device& device) {
        return std::ranges::find(all, device) != all.end();
    };
    for (const rootfs::Device& device : devices)
        if (!knows(to.rootfs.devices, device) && failed(remove_device(work.leader, now, device))) return result;
    for (const rootfs::Device& device : to.rootfs.devices)
        if (!knows(devices, device) && failed(add_device(work.leader, now, device))) return result;
    if (result) now.rootfs.devices = to.rootfs.devices;
    if (result) now.network = to.network;  // in its order
    now.unit = to.unit;
    if (failed(save_plan(now))) return result;
    return result;
}

kernel::Message answer_of(const std::vector<launch::Change>& changes)
{
    kernel::Message message("ok");
    for (const launch::Change& change : changes)
        message.add("key", printable(change.key, max_shown))
            .add("before", printable(change.before, max_shown))
            .add("after", printable(change.after, max_shown))
            .add("reach", static_cast<int64_t>(change.reach));
    return message;
}

std::vector<launch::Change> changes_of(const kernel::Message& message)
{
    const auto keys = message.get_all("key"), before = message.get_all("before"), after = message.get_all("after"),
               reaches = message.get_all("reach");
    std::vector<launch::Change> changes;
    for (size_t i = 0; i < keys.size() && i < before.size() && i < after.size() && i < reaches.size(); ++i)
        changes.push_back({keys[i], before[i], after[i], static_cast<launch::Reach>(reaches[i].front() - '0')});
    return changes;
}

auto tell(ChangesFound found)
{
    return [found = std::move(found)](Result<kernel::Message> answer) mutable {
        if (answer) found(changes_of(*answer));
        else found(answer.error());
    };
}

// What has no effect is told behind what has.
Result<> add_overridden(const PlanRequest& request, std::vector<launch::Change>& changes)
{
    for (machine::Overridden& found : TRY(observe_overridden(request)))
        changes.push_back({std::move(found.key), std::move(found.below), std::move(found.above), launch::Reach::Overridden});
    return {};
}

Result<kernel::Message> apply(Work work, const PlanRequest& request, const UnitState& real)
{
    Fd lock = TRY(lock_networks());
    launch::Plan now = launch::with_real_properties(TRY(read_current(work.name)), real);
    Draft wanted = TRY(draft(request, now));
    launch::Changes changes = launch::compare_plans(now, wanted.plan, work.boots);
    TRY(add_overridden(request, changes.all));
    if (std::ranges::find(changes.all, launch::Reach::Live, &launch::Change::reach) == changes.all.end()) return answer_of(changes.all);
    work.drawn = std::move(wanted.network);
    TRY(replace_file(before_path(work.name), launch::describe_plan_file(now), 0600, Durable::No));
    TRY(make(work, now, changes.reachable, OnError::Stop));
    return answer_of(changes.all);
}

Result<kernel::Message> take_back(const Work& work)
{
    Fd lock = TRY(lock_networks());
    launch::Plan now = TRY(read_current(work.name));
    const launch::Plan before = TRY(read_plan(before_path(work.name)));
    auto made = make(work, now, before, OnError::GoOn);
    if (!made) return made.error();
    return kernel::Message("ok");
}

}  // namespace

std::string before_path(const MachineName& name)
{
    return api::runtime_path(name) + "/before.toml";
}

std::string confirm_path(const MachineName& name)
{
    return api::runtime_path(name) + "/confirm";
}

std::unique_ptr<Worker> start_comparing(systemd::Loop& loop, const MachineEntry& machine, PlanRequest request, const UnitState& real,
                                        ChangesFound found)
{
    auto job = [&machine, &request, &real](const Worker::LookingAt& looking_at) -> Result<kernel::Message> {
        request.looking_at = looking_at;
        const launch::Plan now = launch::with_real_properties(TRY(read_current(machine.name)), real);
        const Draft wanted = TRY(draft(request, now));
        std::vector<launch::Change> changes = launch::compare_plans(now, wanted.plan, machine.told.boots).all;
        TRY(add_overridden(request, changes));
        return answer_of(changes);
    };
    return Worker::start(loop, fmt::format("planning machine '{}'", machine.name.text()), planner_deadline, job, tell(std::move(found)));
}

std::unique_ptr<Worker> start_applying(systemd::Loop& loop, const MachineEntry& machine, PlanRequest request, const UnitState& real,
                                       ChangesFound found)
{
    auto job = [&machine, &request, &real](const Worker::LookingAt& looking_at) -> Result<kernel::Message> {
        request.looking_at = looking_at;
        return apply(work_of(machine, request.settings.network.firewall), request, real);
    };
    return Worker::start(loop, fmt::format("changing machine '{}'", machine.name.text()), change_deadline, job, tell(std::move(found)));
}

std::unique_ptr<Worker> start_taking_back(systemd::Loop& loop, const MachineEntry& machine, machine::Firewall firewall, TakenBack done)
{
    auto job = [&machine, firewall](const Worker::LookingAt&) { return take_back(work_of(machine, firewall)); };
    return Worker::start(
        loop, fmt::format("taking back changes of machine '{}'", machine.name.text()), change_deadline, job,
        [done = std::move(done)](Result<kernel::Message> answer) mutable { done(answer ? Result<>() : Result<>(answer.error())); });
}

std::unique_ptr<Worker> start_noting_properties(systemd::Loop& loop, const MachineName& name, std::vector<std::string> names,
                                                std::vector<launch::UnitProperty> properties, Planned noted)
{
    auto job = [&](const Worker::LookingAt&) -> Result<kernel::Message> {
        Fd lock = TRY(lock_networks());
        launch::Plan now = TRY(read_current(name));
        auto& all = now.unit.properties;
        std::erase_if(all, [&](const launch::UnitProperty& property) { return std::ranges::find(names, property.name) != names.end(); });
        all.insert(all.end(), properties.begin(), properties.end());
        std::ranges::stable_sort(all, {}, &launch::UnitProperty::name);
        TRY(save_plan(now));
        return kernel::Message("ok");
    };
    auto finished = [path = api::plan_path(name), noted = std::move(noted)](Result<kernel::Message> done) mutable {
        noted(done ? read_plan(path) : Result<launch::Plan>(done.error()));
    };
    return Worker::start(loop, fmt::format("noting properties of machine '{}'", name.text()), planner_deadline, job, std::move(finished));
}

}  // namespace holm::daemon
