#include "daemon/networks.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "api/names.h"
#include "base/fd.h"
#include "base/handle.h"
#include "base/log.h"
#include "base/text.h"
#include "base/undo.h"
#include "daemon/name_exchange.h"
#include "daemon/network_files.h"
#include "daemon/network_links.h"
#include "network/apply_flows.h"
#include "network/apply_host.h"
#include "network/apply_machine.h"
#include "network/apply_physical.h"
#include "network/apply_tunnel.h"
#include "network/name_service.h"
#include "network/observe.h"
#include "rootfs/remove.h"

namespace holm::daemon {

using machine::MachineName;
using network::Endpoint;
using network::MachineEndpoints;
using network::Segment;

namespace {

Result<uint64_t> draw_random()
{
    uint64_t value = 0;
    if (::getrandom(&value, sizeof value, 0) != sizeof value) return sys_error("cannot draw random bytes");
    return value;
}

std::string host_name()
{
    std::array<char, HOST_NAME_MAX + 1> name{};
    return ::gethostname(name.data(), name.size() - 1) ? "" : std::string(name.data());
}

Result<Segment> draw_segment(const NetworkRequest& request, const std::string& network, network::HostNetworks& host)
{
    MachineName name = TRY(machine::parse_name(network));
    const auto sources = TRY(kernel::read_network_sources(name, request.places));
    const auto definition = TRY(network::parse_definition(name, sources));
    const auto before = TRY(read_segment(Place::Drawn, network));
    const uint64_t random = TRY(draw_random());
    if (!definition.interface.empty() && TRY(network::has_interface(definition.interface))) host.interfaces.push_back(definition.interface);
    host.underlay.reset();
    if (definition.type == network::Type::Vxlan) host.underlay = TRY(network::observe_underlay(definition));
    auto plan = [&] {
        return network::plan_segment(definition, before ? &*before : nullptr, host, random, request.pool ? &*request.pool : nullptr);
    };
    Segment segment = TRY(plan());
    if (!before || before->subnets != segment.subnets) {  // it takes a place that it has not had: is it another's?
        add_claims(request.places, network, host);
        segment = TRY(plan());
    }
    segment.dns_port = request.dns_port;
    std::erase_if(host.segments, [&](const Segment& other) { return other.name == network; });
    host.segments.push_back(segment);
    return segment;
}

Result<network::Lease> draw_lease(const NetworkRequest& request, const machine::Spec& spec, size_t index, const Segment& segment)
{
    const machine::NetworkSpec& asked = spec.networks[index];
    network::LeaseRequest wanted{.machine = request.name.text(),
                                 .uuid = request.uuid,
                                 .interface = network::interface_of(spec, index),
                                 .mac = asked.mac,
                                 .addresses = asked.address};
    std::vector<network::Lease> others = list_leases(segment.name);
    auto own = std::ranges::find_if(
        others, [&](const network::Lease& lease) { return lease.machine == wanted.machine && lease.interface == wanted.interface; });
    std::optional<network::Lease> before;
    if (own != others.end()) {
        before = std::move(*own);
        others.erase(own);
    }
    return network::plan_lease(segment, wanted, before ? &*before : nullptr, others);
}

// Files for the network's dnsmasq, which reads its folders by itself.
Result<> write_names(const Segment& segment, const std::string& machine, const Endpoint& endpoint)
{
    const std::string folder = network_folder(Place::Up, segment.name);
    for (auto& [inner, text] : {std::pair{"hosts", network::describe_hosts(segment, machine, endpoint)},
                                std::pair{"dhcp", network::describe_dhcp(segment, machine, endpoint)}}) {
        TRY(make_folders(fmt::format("{}/{}", folder, inner)));
        TRY(replace_file(fmt::format("{}/{}/{}", folder, inner, machine), text, 0644, Durable::No));
    }
    return {};
}

// Each machine that is on it has its file, if an empty one.
bool has_machines(const std::string& network)
{
    const std::string hosts = network_folder(Place::Up, network) + "/hosts";
    Handle<DIR, ::closedir> folder(::opendir(hosts.c_str()));
    while (const dirent* entry = folder ? ::readdir(folder.get()) : nullptr)
        if (entry->d_name[0] != '.') return true;
    return false;
}

void remove_names(const std::string& network, const std::string& machine)
{
    for (const char* inner : {"hosts", "dhcp"})
        ::unlink(fmt::format("{}/{}/{}", network_folder(Place::Up, network), inner, machine).c_str());
}

Result<> write_service(const Segment& segment)
{
    auto before = read_segment(Place::Up, segment.name);
    if (before && *before == std::optional(segment)) return {};
    // What the definition was before it was edited.
    if (before && *before && (*before)->tunnel.interface != segment.tunnel.interface) TRY(network::take_down_tunnel(**before));
    const std::string folder = network_folder(Place::Up, segment.name);
    TRY(make_folders(folder + "/hosts"));
    TRY(make_folders(folder + "/dhcp"));
    if (segment.tunnel.id != 0) TRY(make_folders(folder + "/peers"));
    TRY(replace_file(folder + "/dnsmasq.conf", network::describe_dnsmasq(segment, folder, host_name()), 0644, Durable::No));
    return write_segment(Place::Up, segment);
}

Result<std::vector<network::Address>> read_peers_file(const network::Tunnel& tunnel)
{
    return network::parse_peers(TRY(read_regular_file(tunnel.peers_file, network::most_peers_bytes)), tunnel.peers_file, tunnel.local);
}

// With the peers that its file has told last.
Segment with_peers(Segment segment)
{
    if (segment.tunnel.peers_file.empty()) return segment;
    if (auto peers = read_peers(segment.name); peers && *peers) segment.tunnel.peers = std::move((*peers)->addresses);
    return segment;
}

std::vector<Segment> list_served()
{
    std::vector<Segment> segments = list_segments(Place::Up);
    for (Segment& segment : segments) segment = with_peers(std::move(segment));
    return segments;
}

// Who is a peer no more is a stranger, and the other way round.
Result<> tell_firewall(const Segment& segment, const std::vector<network::Address>& before, const std::vector<network::Address>& now)
{
    if (before == now || !TRY(network::has_ruleset())) return {};
    Segment was = segment, is = segment;
    was.tunnel.peers = before, is.tunnel.peers = now;
    network::RulesetChange change = network::plan_removal(was);
    return network::apply_ruleset(change += network::plan_addition(is));
}

// A bad file is no reason to be without the tunnels that there are.
Result<> follow_peers_file(const Segment& segment)
{
    if (segment.tunnel.peers_file.empty()) return {};
    const auto before = TRY(read_peers(segment.name));
    network::Peers peers = before ? *before : network::Peers();
    peers.problem.clear();
    if (auto read = read_peers_file(segment.tunnel)) peers.addresses = std::move(*read);
    else peers.problem = read.error().text;
    if (!peers.problem.empty() && (!before || before->problem != peers.problem))
        log_warning("network '{}' keeps the {} peers that it has: {}", segment.name, peers.addresses.size(), peers.problem);
    if (before != std::optional(peers)) TRY(write_peers(segment.name, peers));
    TRY(tell_firewall(segment, before ? before->addresses : std::vector<network::Address>(), peers.addresses));
    return network::lead_to(segment, peers.addresses);
}

// The files first: a bridge that nothing names would be left for ever by a process that is killed.
Result<> serve(const Segment& segment)
{
    TRY(write_service(segment));
    TRY(network::bring_up(segment));
    return follow_peers_file(segment);
}

// A kernel without nftables: what an admin can do about it.
Result<bool> has_firewall()
{
    auto there = network::has_ruleset();
    if (there) return there;
    return error(Errc::Unavailable,
                 "{}; networks need nftables in the kernel: load nf_tables, set firewall = \"off\" in [network] of {}/holm.toml, or start "
                 "the machine with --network=none",
                 there.error().text, api::etc_folder);
}

// The firewall is whole or it is made whole: a table that somebody has flushed away must not leave a machine in the open.
Result<> add_to_firewall(const MachineEndpoints& machine, std::span<const Segment> added)
{
    if (!TRY(has_firewall())) {
        std::vector<MachineEndpoints> all = list_endpoints(TRY(machine::parse_name(machine.machine)));
        all.push_back(machine);
        return network::apply_ruleset(network::describe_ruleset(list_served(), all));
    }
    network::RulesetChange change;
    for (const Segment& segment : added) change += network::plan_addition(with_peers(segment));
    return network::apply_ruleset(change += network::plan_addition(machine));
}

bool joins(const MachineEndpoints& machine, const std::string& network)
{
    return std::ranges::any_of(machine.endpoints, [&](const Endpoint& endpoint) { return endpoint.network == network; });
}

Result<> end_service(const Segment& segment)
{
    if (auto said = say_farewell(segment); !said) log_warning("network '{}': {}", segment.name, said.error().text);
    TRY(network::take_down(segment));
    if (TRY(network::has_ruleset())) TRY(network::apply_ruleset(network::plan_removal(with_peers(segment))));
    Fd parent = TRY(open_file(api::runtime_networks_folder, O_PATH | O_DIRECTORY));
    return rootfs::remove_tree(parent.get(), segment.name);
}

// Our tables go with the last network.
Result<> end_ruleset()
{
    return list_segments(Place::Up).empty() ? network::apply_ruleset(network::describe_no_ruleset()) : Result<>();
}

// Where nothing could serve them. True: there was something to serve.
bool lacks_name_service(Segment& segment)
{
    if ((!segment.dns && !segment.dhcp) || ::access(network::name_service_program, X_OK) == 0) return false;
    segment.dns = segment.dhcp = false;
    return true;
}

// Up with the ports of its machines; down, where it has none and is not to be there without.
Result<> restore_segment(const Segment& segment, std::span<const MachineEndpoints> machines)
{
    auto joined = [&](const MachineEndpoints& machine) { return joins(machine, segment.name); };
    if (!segment.persistent && std::ranges::none_of(machines, joined)) return end_service(segment);
    TRY(network::bring_up(segment));
    TRY(follow_peers_file(segment));
    for (const MachineEndpoints& machine : machines) TRY(network::attach_ports(segment, machine.endpoints));
    return {};
}

}  // namespace

Result<network::Facts> draw_networks(const NetworkRequest& request, const machine::Spec& spec, std::vector<std::string>& warnings)
{
    network::Facts facts;
    facts.links = TRY(find_links(request.name, spec));
    const auto wanted = network::networks_of(spec);
    if (wanted.empty()) return facts;
    network::HostNetworks host = TRY(network::observe_host());
    host.segments = list_segments(Place::Drawn);
    for (auto& [index, network] : wanted) {
        const std::string what = fmt::format("network '{}' of machine '{}'{}", network, request.name.text(),
                                             describe_origin(spec, fmt::format("network[{}].network", index)));
        Segment segment = TRY(draw_segment(request, network, host), what);
        if (lacks_name_service(segment))
            warnings.push_back(fmt::format("network '{}' gives no names and answers no DHCP: there is no {} (install dnsmasq-base)",
                                           network, network::name_service_program));
        facts.leases[index] = TRY(draw_lease(request, spec, index, segment), what);
        facts.segments[index] = std::move(segment);
    }
    return facts;
}

// The sentence that nft would not have.
Result<> check_published(const MachineName& name, const network::Plan& plan)
{
    auto publishes = [](const Endpoint& endpoint) { return !endpoint.published.empty(); };
    if (std::ranges::none_of(plan.endpoints, publishes)) return {};
    for (const Publisher& other : list_published(name))
        for (const network::Publication& taken : other.published)
            for (const Endpoint& endpoint : plan.endpoints)
                for (const network::Publication& published : endpoint.published)
                    if (network::collide(published, taken))
                        return error(Errc::Busy, "machine '{}' cannot publish {}: machine '{}' publishes {}", name.text(),
                                     network::describe(published), other.machine, network::describe(taken));
    return {};
}

Result<> join_networks(const MachineName& name, const network::Plan& plan, const network::Facts& facts, Firewall firewall, Durable leases)
{
    if (plan.endpoints.empty()) return {};
    TRY(check_published(name, plan));
    std::vector<Segment> added;
    for (auto& [index, segment] : facts.segments) {
        auto drawn = read_segment(Place::Drawn, segment.name);
        if (!drawn || *drawn != std::optional(segment)) TRY(write_segment(Place::Drawn, segment));
        auto lease = facts.leases.find(index);
        if (lease != facts.leases.end()) TRY(write_lease(segment.name, lease->second, leases));
        TRY(serve(segment));
        added.push_back(segment);
    }
    for (const Endpoint& endpoint : plan.endpoints)
        for (const Segment& segment : added)
            if (segment.name == endpoint.network) TRY(write_names(segment, name.text(), endpoint));
    if (firewall == Firewall::Manage) TRY(add_to_firewall({name.text(), plan.endpoints}, added));
    for (const Endpoint& endpoint : plan.endpoints) TRY(network::forget_untranslated(endpoint.published));
    return write_ports(name, plan);
}

Result<> leave_networks(const MachineName& name, const network::Plan& leaving, const network::Plan& staying)
{
    if (leaving.endpoints.empty()) return {};
    const MachineEndpoints gone{name.text(), leaving.endpoints}, left{name.text(), staying.endpoints};
    Result<> result = write_ports(name, staying);
    if (auto there = network::has_ruleset(); there && *there) result = network::apply_ruleset(network::plan_removal(gone));
    for (const Endpoint& endpoint : leaving.endpoints) {
        if (auto removed = network::remove_outside(endpoint); !removed) result = removed;
        if (auto forgotten = network::forget_translated(endpoint, endpoint.published); !forgotten) result = forgotten;
    }
    if (auto given = network::give_back(leaving.endpoints, api::links_path(name), staying); !given) result = given;
    for (const Segment& segment : list_segments(Place::Up)) {
        if (!joins(gone, segment.name) || joins(left, segment.name)) continue;
        remove_names(segment.name, name.text());
        if (segment.persistent || has_machines(segment.name)) continue;
        if (auto ended = end_service(segment); !ended) result = ended;
    }
    remove_remains();
    if (result) result = end_ruleset();
    return result;
}

void add_claims(const kernel::Places& places, std::string_view network, network::HostNetworks& host)
{
    for (const network::Definition& other : network::observe_definitions(places))
        if (other.name.text() != network && std::ranges::find(host.segments, other.name.text(), &Segment::name) == host.segments.end())
            host.segments.push_back(network::claim_of(other));
}

Result<> begin_network(const kernel::Places& places, const machine::Settings& settings, const std::string& network)
{
    NetworkRequest request{
        .name = TRY(machine::parse_name(network)), .uuid = "", .places = places, .pool = {}, .dns_port = settings.network.dns_port};
    if (settings.origins.contains("network.pool")) request.pool = TRY(network::parse_cidr(settings.network.pool));
    network::HostNetworks host = TRY(network::observe_host());
    host.segments = list_segments(Place::Drawn);
    Segment segment = TRY(draw_segment(request, network, host));
    if (lacks_name_service(segment)) log_warning("network '{}' gives no names and answers no DHCP: dnsmasq is not installed", network);
    TRY(write_segment(Place::Drawn, segment));
    Undo removal([&] { (void)end_network(network); });
    TRY(serve(segment));
    if (settings.network.firewall == Firewall::Manage)
        TRY(network::apply_ruleset(network::describe_ruleset(list_served(), list_endpoints())));
    removal.keep();
    return {};
}

Result<> end_network(const std::string& network)
{
    const auto segment = TRY(read_segment(Place::Up, network));
    if (!segment) return {};
    TRY(end_service(*segment));
    return end_ruleset();
}

Result<> follow_peers(const std::set<std::string>& networks)
{
    Fd lock = TRY(lock_networks());
    for (const std::string& network : networks)
        if (const auto segment = TRY(read_segment(Place::Up, network))) TRY(follow_peers_file(*segment));
    return {};
}

Result<> restore_networks(const kernel::Places& places, const machine::Settings& settings)
{
    Fd lock = TRY(lock_networks());
    remove_remains();
    const std::vector<Segment> were_up = list_segments(Place::Up);
    const std::vector<MachineEndpoints> machines = were_up.empty() ? std::vector<MachineEndpoints>() : list_endpoints();
    for (const MachineEndpoints& machine : machines)  // a change may have been cut off
        if (auto name = machine::parse_name(machine.machine))
            TRY(write_ports(*name, {.kind = network::Kind::Endpoints, .endpoints = machine.endpoints}));
    for (const Segment& segment : were_up) {
        auto done = restore_segment(segment, machines);
        if (!done) log_error("network '{}': {}", segment.name, done.error().text);
    }
    const std::vector<Segment> up = list_served();
    auto there = network::has_ruleset();
    if (!up.empty() && settings.network.firewall == Firewall::Manage) TRY(network::apply_ruleset(network::describe_ruleset(up, machines)));
    else if (there && *there) TRY(network::apply_ruleset(network::describe_no_ruleset()));
    for (const network::Definition& definition : network::observe_definitions(places)) {
        const std::string network = definition.name.text();
        if (!definition.persistent || std::ranges::find(up, network, &Segment::name) != up.end()) continue;
        if (auto begun = begin_network(places, settings, network); !begun) log_error("network '{}': {}", network, begun.error().text);
    }
    return {};
}

}  // namespace holm::daemon
