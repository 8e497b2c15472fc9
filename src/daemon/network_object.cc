#include "daemon/network_object.h"

#include <array>
#include <cstdlib>

#include "api/network_names.h"
#include "systemd/node_list.h"

namespace holm::daemon {

using systemd::Changes;

namespace {

// The network's name in "/org/holm1/network/lan"; "" of another path.
std::string name_of_path(const char* path)
{
    char* text = nullptr;
    if (sd_bus_path_decode(path, api::networks_path, &text) <= 0) return {};
    std::string name = text;
    ::free(text);
    return name;
}

}  // namespace

// As src/api/org.holm1.Network.xml, in its order; tests/bus compares the two.
NetworkObject::NetworkObject(Host host, Lifecycle& lifecycle, ManagerObject& manager)
    : host_(host), lifecycle_(lifecycle), manager_(manager)
{
    using N = NetworkObject;
    builder_.property<&N::name>("Name", Changes::Const)
        .property<&N::up>("Up", Changes::Emitted)
        .property<&N::definition>("Definition", Changes::Emitted)
        .property<&N::interface>("Interface", Changes::Emitted)
        .property<&N::subnets>("Subnets", Changes::Emitted)
        .property<&N::gateways>("Gateways", Changes::Emitted)
        .property<&N::domain>("Domain", Changes::Emitted)
        .property<&N::nat>("Nat", Changes::Emitted)
        .property<&N::dns>("Dns", Changes::Emitted)
        .property<&N::dhcp>("Dhcp", Changes::Emitted)
        .property<&N::isolated>("Isolated", Changes::Emitted)
        .property<&N::persistent>("Persistent", Changes::Emitted)
        .property<&N::machines>("Machines", Changes::Emitted)
        .method<&N::remove>("Remove", "");
    vtable_ = builder_.finish();
}

Result<> NetworkObject::attach()
{
    sd_bus_slot* slot = nullptr;
    int r = sd_bus_add_fallback_vtable(host_.bus.get(), &slot, api::networks_path, api::network_interface, vtable_, find, this);
    if (r < 0) return errno_error(-r, "cannot put {} on the bus", api::network_interface);
    slot_.reset(slot);
    if (r = sd_bus_add_node_enumerator(host_.bus.get(), &slot, api::networks_path, enumerate, this); r < 0)
        return errno_error(-r, "cannot list the networks on the bus");
    nodes_.reset(slot);
    told_.clear();
    for (NetworkView& view : list_network_views(host_, lifecycle_)) told_.emplace(view.name, std::move(view));
    return {};
}

int NetworkObject::find(sd_bus*, const char* path, const char*, void* self, void** found, sd_bus_error*) noexcept
{
    auto* object = static_cast<NetworkObject*>(self);
    auto view = find_network_view(object->host_, object->lifecycle_, name_of_path(path));
    if (!view) return 0;
    object->found_ = std::move(*view);
    *found = self;
    return 1;
}

int NetworkObject::enumerate(sd_bus*, const char*, void* self, char*** nodes, sd_bus_error*) noexcept
{
    auto* object = static_cast<NetworkObject*>(self);
    std::vector<std::string> paths;
    for (const NetworkView& view : list_network_views(object->host_, object->lifecycle_)) paths.push_back(network_path(view.name));
    *nodes = systemd::new_node_list(paths);
    return *nodes ? 0 : -ENOMEM;
}

void NetworkObject::tell_change(const std::string& network)
{
    std::array<const char*, 13> properties = {"Up",  "Definition", "Interface", "Subnets",    "Gateways", "Domain", "Nat",
                                              "Dns", "Dhcp",       "Isolated",  "Persistent", "Machines", nullptr};
    static_cast<void>(sd_bus_emit_properties_changed_strv(host_.bus.get(), network_path(network).c_str(), api::network_interface,
                                                          const_cast<char**>(properties.data())));
}

void NetworkObject::refresh()
{
    if (!host_.bus.connected() || !nodes_) return;
    std::map<std::string, NetworkView> now;
    for (NetworkView& view : list_network_views(host_, lifecycle_)) now.emplace(view.name, std::move(view));
    for (auto& [name, view] : told_)
        if (!now.contains(name))
            static_cast<void>(sd_bus_emit_interfaces_removed(host_.bus.get(), network_path(name).c_str(), api::network_interface, nullptr));
    for (auto& [name, view] : now) {
        auto before = told_.find(name);
        if (before == told_.end()) static_cast<void>(sd_bus_emit_object_added(host_.bus.get(), network_path(name).c_str()));
        else if (before->second != view) tell_change(name);
    }
    told_ = std::move(now);
}

void NetworkObject::remove(Reply reply)
{
    const std::string network = name_of_path(sd_bus_message_get_path(reply.call()));
    manager_.remove_network(std::move(reply), network);
}

}  // namespace holm::daemon
