#include "daemon/network_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <tuple>

#include "api/names.h"
#include "base/folder.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/read_files.h"
#include "launch/plan_file.h"
#include "network/relayed.h"
#include "rootfs/remove.h"

namespace holm::daemon {

using machine::MachineName;
using network::Lease;
using network::Segment;

namespace {

constexpr std::string_view lease_suffix = ".lease";
constexpr const char* segment_file = "/segment.toml";
constexpr const char* peers_file = "/peers.toml";
constexpr const char* published_file = "/published";
constexpr size_t most_bytes = 64 << 10;  // of one of these files

const char* folder_of(Place place)
{
    return place == Place::Drawn ? api::state_networks_folder : api::runtime_networks_folder;
}

Result<> write_or_remove(const std::string& path, const std::string& text, unsigned mode)
{
    if (!text.empty()) return replace_file(path, text, mode, Durable::No);
    if (::unlink(path.c_str()) && errno != ENOENT) return sys_error("cannot remove '{}'", path);
    return {};
}

ReadFiles<Lease>& known_leases()
{
    static ReadFiles<Lease> known(network::parse_lease, most_bytes);
    return known;
}

std::string lease_path(const std::string& network, std::string_view machine, std::string_view interface)
{
    return fmt::format("{}/{}@{}{}", network_folder(Place::Drawn, network), machine, interface, lease_suffix);
}

Result<Fd> open_lock()
{
    TRY(make_folders(api::runtime_folder));
    return open_file(std::string(api::runtime_folder) + "/networks.lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
}

}  // namespace

Result<Fd> lock_networks()
{
    Fd file = TRY(open_lock());
    while (::flock(file.get(), LOCK_EX))
        if (errno != EINTR) return sys_error("cannot lock the networks");
    return file;
}

Result<Fd> try_to_lock_networks()
{
    Fd file = TRY(open_lock());
    if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return file;
    if (errno == EWOULDBLOCK) return Fd();
    return sys_error("cannot lock the networks");
}

std::string network_folder(Place place, std::string_view network)
{
    return fmt::format("{}/{}", folder_of(place), network);
}

Result<std::optional<Segment>> read_segment(Place place, const std::string& network)
{
    const std::string path = network_folder(place, network) + segment_file;
    auto text = read_regular_file(path, most_bytes);
    if (!text && text.error().sys_errno == ENOENT) return std::optional<Segment>();
    if (!text) return text.error();
    return std::optional(TRY(network::parse_segment(*text, path)));
}

Result<> write_segment(Place place, const Segment& segment)
{
    const std::string folder = network_folder(place, segment.name);
    TRY(make_folders(folder));
    return replace_file(folder + segment_file, network::describe_segment(segment), 0644,
                        place == Place::Drawn ? Durable::Yes : Durable::No);
}

std::vector<Segment> list_segments(Place place)
{
    std::vector<Segment> segments;
    for (const std::string& name : names_in(folder_of(place))) {
        auto segment = read_segment(place, name);
        if (!segment) log_warning("{}", segment.error().text);
        else if (*segment) segments.push_back(std::move(**segment));
    }
    return segments;
}

void remove_remains()
{
    for (const std::string& name : names_in(folder_of(Place::Up))) {
        auto segment = read_segment(Place::Up, name);
        if (!segment || *segment) continue;
        auto parent = open_file(folder_of(Place::Up), O_PATH | O_DIRECTORY);
        auto removed = parent ? rootfs::remove_tree(parent->get(), name) : Result<>(parent.error());
        if (!removed) log_warning("what network '{}' has left cannot be removed: {}", printable(name), removed.error().text);
    }
}

Result<std::optional<network::Peers>> read_peers(const std::string& network)
{
    const std::string path = network_folder(Place::Up, network) + peers_file;
    auto text = read_regular_file(path, most_bytes);
    if (!text && text.error().sys_errno == ENOENT) return std::optional<network::Peers>();
    if (!text) return text.error();
    return std::optional(TRY(network::read_peers(*text, path)));
}

Result<> write_peers(const std::string& network, const network::Peers& peers)
{
    return replace_file(network_folder(Place::Up, network) + peers_file, network::describe_peers(peers), 0644, Durable::No);
}

Result<> write_lease(const std::string& network, const Lease& lease, Durable durable)
{
    const std::string folder = network_folder(Place::Drawn, network);
    const std::string path = lease_path(network, lease.machine, lease.interface);
    const std::string text = network::describe_lease(lease);
    if (auto before = read_regular_file(path, most_bytes); before && *before == text) return {};
    TRY(make_folders(folder));
    return replace_file(path, text, 0644, durable);
}

std::vector<Lease> list_leases(const std::string& network)
{
    std::vector<Lease> leases;
    const std::string folder = network_folder(Place::Drawn, network);
    for (const std::string& name : names_in(folder)) {
        if (!name.ends_with(lease_suffix)) continue;
        auto lease = known_leases().read(fmt::format("{}/{}", folder, name));
        if (!lease) log_warning("{}", lease.error().text);
        else if (*lease) leases.push_back(std::move(**lease));
    }
    return leases;
}

void read_leases(const MachineName& machine, const network::Plan& plan)
{
    for (const network::Endpoint& endpoint : plan.endpoints)
        if (!endpoint.network.empty()) std::ignore = known_leases().read(lease_path(endpoint.network, machine.text(), endpoint.interface));
}

void forget_leases(const MachineName& machine)
{
    known_leases().forget_if([of = fmt::format("/{}@", machine.text())](const std::string& path) { return path.find(of) != path.npos; });
}

void remove_leases(const MachineName& machine)
{
    for (const std::string& network : names_in(api::state_networks_folder)) {
        const std::string folder = network_folder(Place::Drawn, network);
        for (const std::string& name : names_in(folder))
            if (name.starts_with(machine.text() + "@") && name.ends_with(lease_suffix) &&
                ::unlink(fmt::format("{}/{}", folder, name).c_str()))
                log_warning("cannot remove lease '{}/{}': {}", folder, name, ::strerror(errno));
    }
}

Result<> write_ports(const MachineName& machine, const network::Plan& plan)
{
    std::string text;
    for (const network::Endpoint& endpoint : plan.endpoints)
        for (const network::Publication& published : endpoint.published) text += network::describe(published) + "\n";
    TRY(write_or_remove(api::runtime_path(machine) + published_file, text, 0600));
    const std::string relayed = network::describe_relayed(network::relayed_of(plan));
    if (!relayed.empty()) TRY(make_folders(network::relay_folder));
    return write_or_remove(fmt::format("{}/{}", network::relay_folder, machine.text()), relayed, 0644);
}

std::vector<Publisher> list_published(const MachineName& but)
{
    std::vector<Publisher> publishers;
    for (const std::string& name : names_in(api::runtime_machines_folder)) {
        if (name == but.text()) continue;
        auto text = read_regular_file(fmt::format("{}/{}{}", api::runtime_machines_folder, name, published_file), launch::max_plan_file);
        if (!text) continue;
        Publisher publisher{.machine = name, .published = {}};
        for (std::string_view line : split(*text, '\n'))
            if (auto published = network::parse_published(line)) publisher.published.push_back(std::move(*published));
        publishers.push_back(std::move(publisher));
    }
    return publishers;
}

bool has_relayed()
{
    return !names_in(network::relay_folder).empty();
}

Result<> rename_leases(const MachineName& from, const MachineName& to)
{
    for (const std::string& network : names_in(api::state_networks_folder)) {
        const std::string folder = network_folder(Place::Drawn, network);
        for (const std::string& name : names_in(folder)) {
            if (!name.starts_with(from.text() + "@") || !name.ends_with(lease_suffix)) continue;
            auto lease = TRY(known_leases().read(fmt::format("{}/{}", folder, name)));
            if (!lease) continue;
            lease->machine = to.text();
            TRY(write_lease(network, *lease));
            if (::unlink(fmt::format("{}/{}", folder, name).c_str())) return sys_error("cannot remove lease '{}/{}'", folder, name);
        }
    }
    return {};
}

std::vector<network::MachineEndpoints> list_endpoints(const std::optional<MachineName>& but)
{
    std::vector<network::MachineEndpoints> machines;
    for (const std::string& text : names_in(api::runtime_machines_folder)) {
        auto name = machine::parse_name(text);
        if (!name || (but && *name == *but)) continue;
        const std::string path = api::plan_path(*name);
        auto file = read_regular_file(path, launch::max_plan_file);
        auto plan = file ? launch::parse_plan_file(*file, path) : Result<launch::Plan>(file.error());
        if (plan && !plan->network.endpoints.empty()) machines.push_back({name->text(), std::move(plan->network.endpoints)});
    }
    return machines;
}

}  // namespace holm::daemon
