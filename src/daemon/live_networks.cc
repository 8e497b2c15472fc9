#include "daemon/live_networks.h"

#include <algorithm>
#include <set>

#include "api/names.h"
#include "base/log.h"
#include "base/text.h"
#include "base/undo.h"
#include "daemon/kept_networks.h"
#include "daemon/network_files.h"
#include "daemon/network_links.h"
#include "daemon/networks.h"
#include "daemon/process_facts.h"
#include "kernel/link.h"
#include "kernel/process.h"
#include "network/apply_flows.h"
#include "network/apply_host.h"
#include "network/apply_machine.h"
#include "network/observe.h"
#include "network/physical.h"
#include "network/publication.h"

namespace holm::daemon {

using machine::MachineName;
using network::Endpoint;
using network::Publication;

bool is_endpoint_of(const Endpoint& endpoint, const std::string& network)
{
    if (endpoint.network == network || endpoint.interface == network) return true;
    return !endpoint.parent.empty() && network.ends_with(":" + endpoint.parent) &&
           network::is_physical(network) == (endpoint.type == network::EndpointType::Physical);
}

namespace {

// Why there was nothing to change; "": it was changed.
using Unchanged = std::string;

// In the child: the request, and the machine as it was at its start.
struct Work {
    MachineName name;
    NetworkChangeRequest request;
    pid_t leader = 0;  // 0: it does not run
    std::string control_group;

    std::optional<machine::NetworkSpec> entry = {};  // what its definition says of a network that it joins

    bool runs() const { return leader != 0; }
    machine::Firewall firewall() const { return request.settings.network.firewall; }
};

// A pid that has come to be another's is found out: that one is in another cgroup.
Result<Fd> open_leader(const Work& work)
{
    Fd process = TRY(kernel::open_process(work.leader));
    const std::string cgroup = TRY(cgroup_of(work.leader));
    if (work.control_group.empty() || !cgroup.starts_with(work.control_group + "/")) return error(Errc::Busy, "its payload has just ended");
    return process;
}

Result<launch::Plan> read_current(const Work& work)
{
    auto plan = read_plan(api::plan_path(work.name));
    if (!plan && plan.error().code == Errc::NotFound) return error(Errc::Busy, "machine '{}' has just ended", work.name.text());
    return plan;
}

std::vector<Endpoint>::iterator find_endpoint(network::Plan& plan, const std::string& network)
{
    return std::ranges::find_if(plan.endpoints, [&](const Endpoint& endpoint) { return is_endpoint_of(endpoint, network); });
}

std::string free_interface(const network::Plan& plan)
{
    size_t number = 0;
    auto taken = [&](const std::string& name) {
        return std::ranges::find(plan.endpoints, name, &Endpoint::interface) != plan.endpoints.end();
    };
    while (taken(fmt::format("eth{}", number))) ++number;
    return fmt::format("eth{}", number);
}

// The default route that a machine has stays.
void keep_default_routes(const network::Plan& plan, Endpoint& added)
{
    std::set<network::Family> families;
    for (const Endpoint& endpoint : plan.endpoints)
        for (const network::Address& gateway : endpoint.gateways) families.insert(gateway.family);
    std::erase_if(added.gateways, [&](const network::Address& gateway) { return families.contains(gateway.family); });
}

void save_or_say(const launch::Plan& plan)
{
    if (auto saved = save_plan(plan); !saved) log_error("{}", saved.error().text);
}

void leave_or_say(const Work& work, const network::Plan& leaving, const network::Plan& staying)
{
    if (auto left = leave_networks(work.name, leaving, staying); !left) log_error("{}", left.error().text);
}

// The new endpoint alone: interface and lease are drawn as those of a start.
Result<network::Facts> draw_endpoint(const Work& work, const launch::Plan& before, machine::Spec& spec)
{
    spec.name = work.name;
    spec.networks = {work.entry.value_or(machine::NetworkSpec{.network = work.request.what})};
    std::string& interface = spec.networks.front().interface;
    const bool is_moved = network::is_physical(spec.networks.front().network);
    if (is_moved && interface.empty()) interface = network::name_of_physical(spec.networks.front().network);
    const bool is_free = std::ranges::find(before.network.endpoints, interface, &Endpoint::interface) == before.network.endpoints.end();
    if (interface.empty() || !is_free) interface = free_interface(before.network);
    NetworkRequest wanted{.name = work.name, .uuid = before.uuid, .places = work.request.places, .pool = {}};
    if (work.request.settings.origins.contains("network.pool")) wanted.pool = TRY(network::parse_cidr(work.request.settings.network.pool));
    std::vector<std::string> warnings;  // said at the machine's start
    network::Facts facts = TRY(draw_networks(wanted, spec, warnings));
    facts.listeners = TRY(network::observe_listeners(spec, before.network));
    return facts;
}

// A change that was cut off leaves an endpoint whose link is not there, or not up at both ends.
Result<bool> is_whole(const Endpoint& endpoint)
{
    if (endpoint.host_interface.empty()) return true;
    kernel::Netlink host = TRY(kernel::open_netlink());
    const auto link = TRY(kernel::find_link(host, endpoint.host_interface));
    return link && link->operational;
}

Result<Unchanged> connect(const Work& work)
{
    const std::string& network = work.request.what;
    launch::Plan before = TRY(read_current(work));
    if (before.network.kind == network::Kind::Host)
        return error(Errc::Invalid, "machine '{}' has the host's network, and none of its own that could be connected", work.name.text());
    if (network == "none" || network == "host") return error(Errc::Invalid, "'{}' is no network that can be connected", network);
    if (auto joined = find_endpoint(before.network, network); joined != before.network.endpoints.end()) {
        if (TRY(is_whole(*joined)))
            return fmt::format("machine '{}' is on network '{}' already, by its interface '{}'", work.name.text(), network,
                               joined->interface);
        before.network.endpoints.erase(joined);
    }
    machine::Spec spec;
    const network::Facts facts = TRY(draw_endpoint(work, before, spec));
    network::Plan added = TRY(network::plan_network(spec, facts, before.uuid));
    keep_default_routes(before.network, added.endpoints.front());
    launch::Plan after = before;
    after.network.kind = network::Kind::Endpoints;
    after.network.endpoints.push_back(added.endpoints.front());

    const Fd leader = TRY(open_leader(work));
    TRY(save_plan(after));
    Undo undo([&] {
        leave_or_say(work, added, before.network);
        save_or_say(before);
    });
    TRY(join_networks(work.name, after.network, facts, work.firewall()));
    TRY(add_interfaces(work.name, added, work.leader, leader.get()));
    undo.keep();
    return Unchanged();
}

Result<Unchanged> disconnect(const Work& work)
{
    launch::Plan after = TRY(read_current(work));
    auto found = find_endpoint(after.network, work.request.what);
    if (found == after.network.endpoints.end())
        return fmt::format("machine '{}' is not on network '{}'", work.name.text(), printable(work.request.what));
    const network::Plan leaving{.kind = network::Kind::Endpoints, .endpoints = {*found}};
    after.network.endpoints.erase(found);
    if (after.network.endpoints.empty()) after.network.kind = network::Kind::None;
    if (leaving.endpoints.front().host_interface.empty()) {
        const Fd leader = TRY(open_leader(work));
        TRY(network::remove_inside(leaving.endpoints.front(), leader.get()));
    }
    auto left = leave_networks(work.name, leaving, after.network);
    TRY(save_plan(after));
    TRY(left);
    return Unchanged();
}

// The first that can; why none can, by the last.
Result<const Endpoint*> find_publisher(const network::Plan& plan, const Publication& published)
{
    Error why = error(Errc::Invalid, "the machine is on no network: nothing of it can be published");
    for (const Endpoint& endpoint : plan.endpoints) {
        if (endpoint.network.empty()) continue;
        auto segment = TRY(read_segment(Place::Up, endpoint.network));
        if (!segment || !segment->ours || segment->isolated) {
            why = error(Errc::Invalid, "nothing can be published on network '{}': it is isolated, or its bridge is not holm's",
                        endpoint.network);
            continue;
        }
        auto checked = network::check_published(endpoint, published, "");
        if (checked) return &endpoint;
        why = checked.error();
    }
    return why;
}

// Whether it is published already. Errors: Exists, where another port is in its way.
Result<bool> check_own(const Work& work, const network::Plan& plan, const Publication& wanted)
{
    for (const Endpoint& endpoint : plan.endpoints)
        for (const Publication& published : endpoint.published) {
            if (published == wanted) return true;
            if (network::collide(published, wanted))
                return error(Errc::Exists, "machine '{}' publishes '{}' already", work.name.text(), network::describe(published));
        }
    return false;
}

Result<Unchanged> publish(const Work& work)
{
    const Publication wanted = TRY(network::parse_published(work.request.what));
    const launch::Plan before = TRY(read_current(work));
    if (TRY(check_own(work, before.network, wanted)))
        return fmt::format("machine '{}' publishes '{}' already", work.name.text(), network::describe(wanted));
    const Endpoint& publisher = *TRY(find_publisher(before.network, wanted));
    const auto listeners = TRY(network::observe_listeners({&wanted, 1}));
    TRY(network::check_free(wanted, listeners, ""));
    launch::Plan after = before;
    Endpoint& endpoint = *std::ranges::find(after.network.endpoints, publisher.interface, &Endpoint::interface);
    endpoint.published.push_back(wanted);
    TRY(save_plan(after));
    Endpoint added = endpoint;
    added.published = {wanted};
    Undo undo([&] {
        (void)network::apply_ruleset(network::plan_unpublished(added));
        if (auto kept = write_ports(work.name, before.network); !kept) log_error("{}", kept.error().text);
        save_or_say(before);
    });
    TRY(network::allow_hairpin(endpoint));
    TRY(join_networks(work.name, after.network, {}, work.firewall()));
    undo.keep();
    return Unchanged();
}

Result<Unchanged> unpublish(const Work& work)
{
    const Publication wanted = TRY(network::parse_published(work.request.what));
    launch::Plan after = TRY(read_current(work));
    for (Endpoint& endpoint : after.network.endpoints) {
        if (std::erase(endpoint.published, wanted) == 0) continue;
        TRY(save_plan(after));
        TRY(write_ports(work.name, after.network));
        Endpoint removed = endpoint;
        removed.published = {wanted};
        if (TRY(network::has_ruleset())) TRY(network::apply_ruleset(network::plan_unpublished(removed)));
        TRY(network::forget_translated(endpoint, removed.published));
        return Unchanged();
    }
    return fmt::format("machine '{}' does not publish '{}'", work.name.text(), network::describe(wanted));
}

Result<Unchanged> change_live(const Work& work)
{
    switch (work.request.change) {
    case NetworkChange::Connect: return connect(work);
    case NetworkChange::Disconnect: return disconnect(work);
    case NetworkChange::Publish: return publish(work);
    case NetworkChange::Unpublish: return unpublish(work);
    }
    return Unchanged();
}

// Of a change for which there was nothing to do.
Error nothing_changed(const Work& work, const std::string& why)
{
    const bool adds = work.request.change == NetworkChange::Connect || work.request.change == NetworkChange::Publish;
    return error(adds ? Errc::Exists : Errc::NotFound, "{}", why);
}

Result<> change_networks(Work& work)
{
    Fd lock = TRY(lock_networks());
    std::optional<launch::Plan> live;
    if (work.runs()) live = TRY(read_current(work));
    const KeptNetworks kept = TRY(keep_networks(work.name, work.request, live ? &*live : nullptr));
    if (!work.runs()) {
        if (kept.change) return {};
        return nothing_changed(work, fmt::format("the definition of machine '{}' has it so already", work.name.text()));
    }
    Undo undo([&] {
        if (!kept.change) return;
        if (auto undone = take_back(*kept.change); !undone) log_error("machine '{}': {}", work.name.text(), undone.error().text);
    });
    work.entry = kept.entry;
    const Unchanged why = TRY(change_live(work));
    if (!why.empty() && !kept.change) return nothing_changed(work, why);
    undo.keep();
    return {};
}

}  // namespace

Result<std::string> find_publishing_interface(const network::Plan& plan, const Publication& published)
{
    for (const Endpoint& endpoint : plan.endpoints)
        if (std::ranges::find(endpoint.published, published) != endpoint.published.end()) return endpoint.interface;
    return TRY(find_publisher(plan, published))->interface;
}

std::unique_ptr<Worker> start_changing_networks(systemd::Loop& loop, const MachineName& name, const MachineEntry* running,
                                                NetworkChangeRequest request, NetworksChanged changed)
{
    Work work{.name = name, .request = std::move(request)};
    if (running) work.leader = running->told.leader, work.control_group = running->control_group;
    auto job = [&work](const Worker::LookingAt&) -> Result<kernel::Message> {
        TRY(change_networks(work));
        return kernel::Message("ok");
    };
    auto finished = [path = running ? api::plan_path(name) : "", changed = std::move(changed)](Result<kernel::Message> done) mutable {
        if (!done) return changed(done.error());
        if (path.empty()) return changed(std::optional<launch::Plan>());
        auto plan = read_plan(path);
        if (plan) changed(std::optional(std::move(*plan)));
        else changed(plan.error());
    };
    return Worker::start(loop, fmt::format("changing the networks of machine '{}'", name.text()), planner_deadline, job,
                         std::move(finished));
}

}  // namespace holm::daemon
