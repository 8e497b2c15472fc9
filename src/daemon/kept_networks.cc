#include "daemon/kept_networks.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "base/undo.h"
#include "daemon/networks.h"
#include "kernel/definition_files.h"
#include "machine/set_file.h"
#include "machine/spec_file.h"
#include "network/kept_entries.h"
#include "network/physical.h"

namespace holm::daemon {

using machine::MachineName;
using machine::Spec;

namespace {

struct Work {
    const MachineName& name;
    const NetworkChangeRequest& request;
    const launch::Plan* live;
};

// The machine's sources as they are now. Of a record: profiles, and itself.
Result<std::vector<machine::Source>> read_sources(const Work& work)
{
    if (!work.request.is_record) return kernel::read_sources(work.name, work.request.places);
    machine::Source record{.file = work.request.kept, .text = {}};
    record.text = TRY(read_kept(record.file));
    return kernel::with_profiles({std::move(record)}, work.request.places);
}

// A default is an entry, too: one more must not take its place.
Result<Spec> read_spec(const Work& work)
{
    const auto sources = TRY(read_sources(work));
    Spec spec = TRY(machine::parse_spec(work.name, sources));
    const std::string& network = work.request.settings.defaults.network;
    if (spec.networks.empty() && network != "none") spec.networks.push_back({.network = network});
    return spec;
}

// As at a start: what it would refuse is refused now.
Result<> check_start(const Work& work, const Spec& spec)
{
    TRY(machine::check_supported(spec));
    NetworkRequest wanted{.name = work.name, .uuid = "", .places = work.request.places, .pool = {}};
    const machine::Settings& settings = work.request.settings;
    if (settings.origins.contains("network.pool")) wanted.pool = TRY(network::parse_cidr(settings.network.pool));
    std::vector<std::string> warnings;
    const network::Facts facts = TRY(draw_networks(wanted, spec, warnings));
    TRY(network::plan_network(spec, facts, ""));
    return {};
}

// The name that both halves can give the interface.
std::string free_interface(const Work& work, const Spec& spec)
{
    std::set<std::string> taken;
    for (size_t i = 0; i < spec.networks.size(); ++i)
        if (spec.networks[i].network != "none") taken.insert(network::interface_of(spec, i));
    if (work.live)
        for (const network::Endpoint& endpoint : work.live->network.endpoints) {
            if (is_endpoint_of(endpoint, work.request.what) && !taken.contains(endpoint.interface)) return endpoint.interface;
            taken.insert(endpoint.interface);
        }
    const std::string own = network::is_physical(work.request.what) ? network::name_of_physical(work.request.what) : "";
    if (!own.empty() && !taken.contains(own)) return own;
    size_t number = 0;
    while (taken.contains(fmt::format("eth{}", number))) ++number;
    return fmt::format("eth{}", number);
}

Result<bool> connect(const Work& work, Spec& spec)
{
    const std::string& network = work.request.what;
    if (network == "none" || network == "host") return error(Errc::Invalid, "'{}' is no network that can be connected", network);
    if (!spec.networks.empty() && spec.networks.front().network == "host")
        return error(Errc::Invalid, "machine '{}' has the host's network, and none of its own that could be connected", work.name.text());
    if (network::find_entry(spec, network)) return false;
    network::add_entry(spec, network, free_interface(work, spec));
    return true;
}

bool disconnect(const Work& work, Spec& spec)
{
    const auto index = network::find_entry(spec, work.request.what);
    if (index) network::remove_entry(spec, *index);
    return index.has_value();
}

// By the interface that has it live, or that will: what is in its way is found by the live half.
Result<bool> publish_as_live(const Work& work, const network::Publication& wanted, Spec& spec)
{
    const std::string interface = TRY(find_publishing_interface(work.live->network, wanted));
    const auto index = network::find_entry(spec, interface);
    if (!index)
        return error(Errc::Invalid, "machine '{}' has interface '{}' until its next start alone: what it publishes cannot be kept",
                     work.name.text(), interface);
    spec.networks[*index].publish.push_back(work.request.what);
    return true;
}

// Of a machine that does not run: on the first network that can.
Result<bool> publish(const Work& work, Spec& spec)
{
    const network::Publication wanted = TRY(network::parse_published(work.request.what));
    if (network::find_publisher(spec, wanted)) return false;
    if (work.live) return publish_as_live(work, wanted, spec);
    Error why = error(Errc::Invalid, "machine '{}' is on no network: nothing of it can be published", work.name.text());
    const Spec before = spec;
    for (const auto& [index, network] : network::networks_of(before)) {
        spec = before;
        spec.networks[index].publish.push_back(work.request.what);
        auto checked = check_start(work, spec);
        if (checked) return true;
        why = checked.error();
    }
    return why;
}

Result<bool> unpublish(const Work& work, Spec& spec)
{
    const network::Publication wanted = TRY(network::parse_published(work.request.what));
    const auto index = network::find_publisher(spec, wanted);
    if (index) network::remove_published(spec, *index, wanted);
    return index.has_value();
}

// Whether the definition is another now.
Result<bool> change(const Work& work, Spec& spec)
{
    switch (work.request.change) {
    case NetworkChange::Connect: return connect(work, spec);
    case NetworkChange::Disconnect: return disconnect(work, spec);
    case NetworkChange::Publish: return publish(work, spec);
    case NetworkChange::Unpublish: return unpublish(work, spec);
    }
    return false;
}

std::optional<machine::NetworkSpec> entry_of(const Work& work, const Spec& spec)
{
    const auto index = network::find_entry(spec, work.request.what);
    if (!index || work.request.change != NetworkChange::Connect) return {};
    machine::NetworkSpec entry = spec.networks[*index];
    entry.interface = network::interface_of(spec, *index);
    return entry;
}

Result<KeptChange> write(const Work& work, const Spec& spec)
{
    const std::string& path = work.request.kept;
    auto below = TRY(read_sources(work));
    std::erase_if(below, [&](const machine::Source& source) { return source.file == path; });
    const auto networks_below = TRY(machine::networks_of(below));
    KeptChange kept{.path = path, .before = {}};
    kept.before = TRY(read_kept(path));
    std::string after = TRY(machine::set_networks({path, kept.before}, networks_below, spec.networks));
    if (!after.empty()) after.insert(0, kept_note);
    TRY(write_kept(path, after), fmt::format("cannot keep it for machine '{}'", work.name.text()));
    Undo undo([&] { (void)take_back(kept); });
    if (TRY(read_spec(work)).networks != spec.networks)
        return error(Errc::Invalid, "what '{}' keeps would not hold: a later drop-in of machine '{}' has [[network]], too", path,
                     work.name.text());
    undo.keep();
    return kept;
}

}  // namespace

Result<KeptNetworks> keep_networks(const MachineName& name, const NetworkChangeRequest& request, const launch::Plan* live)
{
    const Work work{.name = name, .request = request, .live = live};
    KeptNetworks kept;
    if (request.kept.empty()) return kept;
    auto read = read_spec(work);
    if (!read && request.runtime) return kept;
    Spec spec = TRY(std::move(read));
    if (!request.runtime && TRY(change(work, spec))) {
        if (!live || request.change == NetworkChange::Connect) TRY(check_start(work, spec));
        kept.change = TRY(write(work, spec));
    }
    kept.entry = entry_of(work, spec);
    return kept;
}

}  // namespace holm::daemon
