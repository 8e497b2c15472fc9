// NetworkObject: org.holm1.Network at /org/holm1/network/NAME, one object for every network there is. Effects: answers calls, emits
// signals.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/manager_object.h"
#include "daemon/network_view.h"
#include "systemd/vtable.h"

namespace holm::daemon {

class NetworkObject {
public:
    NetworkObject(Host host, Lifecycle& lifecycle, ManagerObject& manager);
    NetworkObject(const NetworkObject&) = delete;
    NetworkObject& operator=(const NetworkObject&) = delete;

    Result<> attach();
    std::optional<Reply> receive(sd_bus_message* message) { return manager_.receive(message); }

    // Networks may have changed: what is another than it was is told.
    void refresh();

private:
    static int find(sd_bus*, const char* path, const char*, void* self, void** found, sd_bus_error*) noexcept;
    static int enumerate(sd_bus*, const char*, void* self, char*** nodes, sd_bus_error*) noexcept;
    void tell_change(const std::string& network);
    bool flag(bool network::Segment::* member) const { return found_.segment && *found_.segment.*member; }
    std::string text(std::string network::Segment::* member) const { return found_.segment ? *found_.segment.*member : std::string(); }

    // Properties: sd-bus has found the network in the same call.
    std::string name(const char*) { return found_.name; }
    bool up(const char*) { return found_.up; }
    std::string definition(const char*) { return found_.definition; }
    std::string interface(const char*) { return text(&network::Segment::interface); }
    std::vector<std::string> subnets(const char*) { return found_.subnets(); }
    std::vector<std::string> gateways(const char*) { return found_.gateways(); }
    std::string domain(const char*) { return text(&network::Segment::domain); }
    bool nat(const char*) { return flag(&network::Segment::nat); }
    bool dns(const char*) { return flag(&network::Segment::dns); }
    bool dhcp(const char*) { return flag(&network::Segment::dhcp); }
    bool isolated(const char*) { return flag(&network::Segment::isolated); }
    bool persistent(const char*) { return flag(&network::Segment::persistent); }
    std::vector<std::string> machines(const char*) { return found_.machines(); }

    void remove(Reply reply);

    Host host_;
    Lifecycle& lifecycle_;
    ManagerObject& manager_;
    systemd::VtableBuilder<NetworkObject, Reply> builder_;
    const sd_bus_vtable* vtable_ = nullptr;
    Handle<sd_bus_slot, sd_bus_slot_unref> slot_, nodes_;
    NetworkView found_;
    std::map<std::string, NetworkView> told_;  // as clients know them
};

}  // namespace holm::daemon
