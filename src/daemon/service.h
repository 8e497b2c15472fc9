// Service: holmd as a whole: the loop, the bus, the settings, the objects, and what connects them. Effects.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "daemon/authority.h"
#include "daemon/catalogue.h"
#include "daemon/image_object.h"
#include "daemon/jobs.h"
#include "daemon/lifecycle.h"
#include "daemon/machine_object.h"
#include "daemon/manager_object.h"
#include "daemon/network_watch.h"
#include "machine/settings.h"
#include "systemd/bus.h"
#include "systemd/loop.h"
#include "systemd/machined.h"
#include "systemd/unit.h"

namespace holm::daemon {

class Service {
public:
    explicit Service(systemd::Loop& loop);
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    // Reads the settings, takes signals and the socket of supervisors, rebuilds the machines, connects to the bus.
    Result<> start();
    // Puts everything on a bus that is connected: tests bring their own.
    Result<> attach();
    systemd::Bus& bus() { return bus_; }

private:
    void sweep();
    Result<> read_settings();
    Result<> reload();
    void restore_networks(const std::set<std::string>& bridges);
    Result<> watch_signals();
    Result<> open_notify_socket();
    void receive_notifications();
    Result<> on_connected();
    void request_name();
    void ready();
    void on_lost();

    systemd::Loop& loop_;
    machine::Settings settings_;
    Catalogue catalogue_;
    systemd::Bus bus_;
    systemd::Units units_;
    systemd::Machined machined_;
    Jobs jobs_;
    Authority authority_;
    NetworkServices network_services_;
    NetworkWatch network_watch_;
    Host host_;
    Lifecycle lifecycle_;
    ManagerObject manager_;
    MachineObject machines_;
    ImageObject image_objects_;
    JobObject job_objects_;
    Handle<sd_bus_slot, sd_bus_slot_unref> name_request_;
    Fd notify_;
    systemd::Source notified_, bus_patience_, hearing_patience_;
    std::unique_ptr<Worker> networks_;  // that are being restored
    std::unique_ptr<Worker> sweeper_;
    std::vector<systemd::Source> signals_;
    bool is_ready_ = false;
};

}  // namespace holm::daemon
