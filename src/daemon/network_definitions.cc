#include "daemon/network_definitions.h"

#include <fcntl.h>

#include <algorithm>
#include <array>

#include "api/limits.h"
#include "api/names.h"
#include "base/fd.h"
#include "base/text.h"
#include "base/undo.h"
#include "daemon/network_files.h"
#include "daemon/networks.h"
#include "network/definition.h"
#include "network/observe.h"
#include "rootfs/remove.h"

namespace holm::daemon {

using machine::MachineName;

namespace {

// What [[network]] has a meaning of its own for.
constexpr std::array<std::string_view, 3> reserved = {"none", "host", "veth"};

std::string definitions_folder()
{
    return fmt::format("{}/networks", api::etc_folder);
}

Result<> remove_below(const std::string& folder, const std::string& name)
{
    auto parent = open_file(folder, O_PATH | O_DIRECTORY);
    if (!parent) return parent.error().code == Errc::NotFound ? Result<>() : Result<>(parent.error());
    return rootfs::remove_tree(parent->get(), name);
}

// As draw_networks would at the first start.
Result<> check_place(const network::Definition& definition, const kernel::Places& places, const machine::Settings& settings)
{
    network::HostNetworks host = TRY(network::observe_host());
    host.segments = list_segments(Place::Drawn);
    add_claims(places, definition.name.text(), host);
    if (definition.type == network::Type::Vxlan) host.underlay = TRY(network::observe_underlay(definition));
    std::optional<network::Cidr> pool;
    if (settings.origins.contains("network.pool")) pool = TRY(network::parse_cidr(settings.network.pool));
    TRY(network::plan_segment(definition, nullptr, host, 0, pool ? &*pool : nullptr));
    return {};
}

// Those that run on it by a live change, too.
Result<> check_unused(const MachineName& name, std::set<std::string> users)
{
    for (const network::MachineEndpoints& machine : list_endpoints())
        if (std::ranges::find(machine.endpoints, name.text(), &network::Endpoint::network) != machine.endpoints.end())
            users.insert(machine.machine);
    if (users.empty()) return {};
    return error(Errc::Busy, "network '{}' is used by {} {}: disconnect {} or take it from {} first", name.text(),
                 users.size() == 1 ? "machine" : "machines", fmt::join(users, ", "), users.size() == 1 ? "it" : "them",
                 users.size() == 1 ? "its definition" : "their definitions");
}

}  // namespace

Result<> create_network(const MachineName& name, const std::string& text, const kernel::Places& places, const machine::Settings& settings)
{
    if (std::ranges::find(reserved, name.text()) != reserved.end())
        return error(Errc::Invalid, "a network cannot be called '{}': it means something else in [[network]]", name.text());
    if (text.size() > api::max_definition) return error(Errc::Invalid, "the definition is larger than {} bytes", api::max_definition);
    const machine::Source own{"", text};
    const auto definition = TRY(network::parse_definition(name, {&own, 1}));
    Fd lock = TRY(lock_networks());
    if (auto known = kernel::find_network(name, places)) return error(Errc::Exists, "network '{}' is defined by '{}'", name.text(), *known);
    TRY(check_place(definition, places, settings));
    TRY(make_folders(definitions_folder()));
    TRY(replace_file(fmt::format("{}/{}.toml", definitions_folder(), name.text()), text, 0644));
    if (!definition.persistent) return {};
    Undo removal([&] {
        (void)remove_below(definitions_folder(), name.text() + ".toml");
        (void)remove_below(api::state_networks_folder, name.text());
    });
    TRY(begin_network(places, settings, name.text()));
    removal.keep();
    return {};
}

Result<> remove_network(const MachineName& name, const kernel::Places& places, std::set<std::string> users)
{
    const std::string path = TRY(kernel::find_network(name, places)), own = fmt::format("{}/{}.toml", definitions_folder(), name.text());
    if (path != own)
        return error(Errc::Denied, "network '{}' is the vendor's, '{}': it cannot be removed; '{}' would replace it", name.text(), path,
                     own);
    Fd lock = TRY(lock_networks());
    TRY(check_unused(name, std::move(users)));
    TRY(end_network(name.text()));
    TRY(remove_below(definitions_folder(), name.text() + ".toml.d"));
    TRY(remove_below(definitions_folder(), name.text() + ".toml"));
    return remove_below(api::state_networks_folder, name.text());
}

}  // namespace holm::daemon
