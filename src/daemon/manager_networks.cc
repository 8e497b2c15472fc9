// ManagerObject: networks. What there is of them anybody may ask; whose addresses they gave is Inspect.
#include <algorithm>
#include <set>

#include "api/names.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/manager_object.h"
#include "daemon/network_definitions.h"
#include "daemon/network_files.h"
#include "daemon/network_view.h"
#include "daemon/planner_child.h"
#include "daemon/worker.h"
#include "network/frr.h"

namespace holm::daemon {

using machine::MachineName;

namespace {

// The machines whose definition or record names it, or names none where it is the default.
std::set<std::string> users_of_network(const Host& host, const std::string& network)
{
    std::set<std::string> users;
    for (const MachineName& name : host.catalogue.names()) {
        const Known* known = host.catalogue.find(name);
        if (!known || !known->spec) continue;
        const auto& networks = known->spec->networks;
        const bool is_default = networks.empty() && host.settings.defaults.network == network;
        if (is_default || std::ranges::find(networks, network, &machine::NetworkSpec::network) != networks.end()) users.insert(name.text());
    }
    return users;
}

// What a VXLAN has beyond a bridge: which one it is, and where its tunnels lead.
void add_tunnel(const network::Segment& segment, systemd::Options& all)
{
    const network::Tunnel& tunnel = segment.tunnel;
    if (tunnel.id == 0) return;
    const auto read = read_peers(segment.name);
    std::vector<std::string> addresses;
    for (const network::Address& peer : read && *read ? (*read)->addresses : tunnel.peers) addresses.push_back(network::describe(peer));
    all.insert({{"VxlanId", tunnel.id},
                {"VxlanPort", uint32_t{tunnel.port}},
                {"Tunnel", tunnel.interface},
                {"Local", network::describe(tunnel.local)},
                {"Evpn", tunnel.evpn},
                {"Peers", addresses},
                {"Frr", network::describe_frr(segment)}});
    if (read && *read && !(*read)->problem.empty()) all.insert({"PeersProblem", (*read)->problem});
}

}  // namespace

void ManagerObject::list_networks(Reply reply)
{
    using Row = std::tuple<std::string, bool, std::string, std::vector<std::string>, uint32_t>;
    std::vector<Row> rows;
    for (const NetworkView& view : list_network_views(host_, lifecycle_))
        rows.emplace_back(view.name, view.up, view.segment ? view.segment->interface : "", view.subnets(),
                          static_cast<uint32_t>(view.members.size()));
    reply.ok(rows);
}

void ManagerObject::get_network(Reply reply, const std::string& name)
{
    const auto view = find_network_view(host_, lifecycle_, name);
    if (view) reply.ok(systemd::ObjectPath{network_path(view->name)});
    else reply.fail(view.error());
}

void ManagerObject::describe_network(Reply reply, const std::string& text)
{
    authorise_network(std::move(reply), Privilege::Inspect, "network-status", text, [this](Reply granted, const MachineName& name) {
        const auto view = find_network_view(host_, lifecycle_, name.text());
        if (!view) return granted.fail(view.error());
        systemd::Options all = {{"Name", view->name}, {"Up", view->up}, {"Definition", view->definition}};
        if (view->segment) {
            const network::Segment& known = *view->segment;
            all.insert({{"Interface", known.interface},
                        {"Subnets", view->subnets()},
                        {"Gateways", view->gateways()},
                        {"Domain", known.domain},
                        {"Nat", known.nat},
                        {"Dns", known.dns},
                        {"Dhcp", known.dhcp},
                        {"Isolated", known.isolated},
                        {"Persistent", known.persistent},
                        {"Mtu", known.mtu}});
            add_tunnel(known, all);
        }
        granted.ok(all, view->members);
    });
}

void ManagerObject::authorise_network(Reply reply, Privilege privilege, const char* verb, const std::string& text, Allowed allowed)
{
    auto name = machine::parse_name(text);
    if (!name) return reply.fail(with_context(name.error(), fmt::format("network '{}'", printable(text, 80))));
    Verb asked{.privilege = privilege, .name = verb, .machine = "", .user = "", .owner = "", .image = "", .network = name->text()};
    authority_.authorise(
        std::move(reply), std::move(asked),
        [name = std::move(*name), allowed = std::move(allowed)](Reply granted) mutable { allowed(std::move(granted), name); });
}

// -- what is defined ----------------------------------------------------------------------------------------------------------------

void ManagerObject::create_network(Reply reply, const std::string& text, std::string definition)
{
    authorise_network(std::move(reply), Privilege::Networks, "network-create", text,
                      [this, definition = std::move(definition)](Reply granted, const MachineName& name) {
                          auto job = [&, places = host_.catalogue.places()](const Worker::LookingAt&) -> Result<kernel::Message> {
                              TRY(daemon::create_network(name, definition, places, host_.settings));
                              return kernel::Message("ok");
                          };
                          answer_with(std::move(granted), fmt::format("making network '{}'", name.text()), job,
                                      [this](Reply answer, const kernel::Message&) {
                                          host_.network_services.follow();
                                          answer.ok();
                                      });
                      });
}

void ManagerObject::remove_network(Reply reply, const std::string& text)
{
    authorise_network(std::move(reply), Privilege::Networks, "network-remove", text, [this](Reply granted, const MachineName& name) {
        auto job = [&, places = host_.catalogue.places(),
                    users = users_of_network(host_, name.text())](const Worker::LookingAt&) -> Result<kernel::Message> {
            TRY(daemon::remove_network(name, places, users));
            return kernel::Message("ok");
        };
        answer_with(std::move(granted), fmt::format("removing network '{}'", name.text()), job,
                    [this](Reply answer, const kernel::Message&) {
                        host_.network_services.follow();
                        answer.ok();
                    });
    });
}

// -- of a machine that runs ---------------------------------------------------------------------------------------------------------

void ManagerObject::connect(Reply reply, const std::string& name, const std::string& network, bool runtime)
{
    change_networks(std::move(reply), "connect", name, {.change = NetworkChange::Connect, .what = network, .runtime = runtime});
}

void ManagerObject::disconnect(Reply reply, const std::string& name, const std::string& network, bool runtime)
{
    change_networks(std::move(reply), "disconnect", name, {.change = NetworkChange::Disconnect, .what = network, .runtime = runtime});
}

void ManagerObject::publish(Reply reply, const std::string& name, const std::string& port, bool runtime)
{
    change_networks(std::move(reply), "publish", name, {.change = NetworkChange::Publish, .what = port, .runtime = runtime});
}

void ManagerObject::unpublish(Reply reply, const std::string& name, const std::string& port, bool runtime)
{
    change_networks(std::move(reply), "unpublish", name, {.change = NetworkChange::Unpublish, .what = port, .runtime = runtime});
}

// Whether it can be changed while it runs; else it can be kept alone, where nothing of it is there.
Result<bool> ManagerObject::runs_or_can_keep(const MachineName& name, const NetworkChangeRequest& request)
{
    const MachineEntry* machine = lifecycle_.find(name);
    if (machine && machine->life.started && machine->told.leader != 0) return true;
    if (!find_view(lifecycle_, host_.catalogue, name)) return lifecycle_.unknown(name);
    if (!request.runtime && !request.kept.empty() && !(machine && is_active(machine->life))) return false;
    return lifecycle_.not_running(name);
}

// Where the next start is to find it. One that ends with its run keeps nothing.
Result<> ManagerObject::find_kept(const MachineName& name, NetworkChangeRequest& request)
{
    const Known* known = host_.catalogue.find(name);
    if (known && !known->spec && !request.runtime) return known->spec.error();
    if (known && known->origin == Origin::Image) return request.runtime ? Result<>() : no_definition(name);
    if (known) request.kept = kept_path(name, *known);
    request.is_record = known && known->origin != Origin::Definition;
    if (known && known->origin == Origin::Temporary) request.runtime = true;
    if (known || request.runtime || !lifecycle_.find(name)) return {};
    return error(Errc::Invalid, "machine '{}' has no definition in which it could be kept; --runtime is until its next start", name.text());
}

void ManagerObject::change_networks(Reply reply, const char* verb, const std::string& text, NetworkChangeRequest request)
{
    request.places = host_.catalogue.places();
    request.settings = host_.settings;
    auto change = [this, verb, request = std::move(request)](Reply granted, const MachineName& name) mutable {
        if (auto found = find_kept(name, request); !found) return granted.fail(found.error());
        const auto runs = runs_or_can_keep(name, request);
        if (!runs) return granted.fail(runs.error());
        auto place = workers_.emplace(workers_.end());
        auto done = [this, place, name, granted = std::move(granted),
                     what = fmt::format("{} {}", verb, request.what)](Result<std::optional<launch::Plan>> plan) mutable {
            auto ended = std::move(*place);
            workers_.erase(place);
            host_.catalogue.forget(name);
            if (!plan && ended_without_a_word(plan.error())) return settle_networks(std::move(granted), name, plan.error());
            if (!plan) return granted.fail(plan.error());
            if (*plan) lifecycle_.networks_changed(name, std::move(**plan));
            lifecycle_.note(api::MachineEvent::Changed, name, fmt::format("networks of machine '{}' were changed: {}", name.text(), what));
            granted.ok();
        };
        *place = start_changing_networks(host_.loop, name, *runs ? lifecycle_.find(name) : nullptr, std::move(request), std::move(done));
    };
    authorise(std::move(reply), Privilege::Networks, verb, text, std::move(change));
}

// The process that did it was killed half way: what the host does is what the plan says, whichever of the two it had come to.
void ManagerObject::settle_networks(Reply reply, const MachineName& name, Error why)
{
    auto place = workers_.emplace(workers_.end());
    auto settled = [this, place, name, why = std::move(why), reply = std::move(reply)](const Result<>& restored) mutable {
        auto ended = std::move(*place);
        workers_.erase(place);
        if (!restored) log_error("the networks cannot be restored: {}", restored.error().text);
        if (auto plan = read_plan(api::plan_path(name))) lifecycle_.networks_changed(name, std::move(*plan));
        reply.fail(why);
    };
    *place = start_restoring_networks(host_.loop, host_.catalogue.places(), host_.settings, std::move(settled));
}

}  // namespace holm::daemon
