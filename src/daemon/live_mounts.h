// Live mounts: binds into machines that run, made and taken away in a child of holmd that joins the machine. Effects: processes.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "daemon/machine_entry.h"
#include "daemon/worker.h"

namespace holm::daemon {

struct LiveBind {
    std::string source, target;  // absolute: of the host, of the machine
    bool read_only = false;
    bool make_target = false;
};

using MountChanged = std::move_only_function<void(Result<>)>;

std::unique_ptr<Worker> start_binding(systemd::Loop& loop, const MachineEntry& machine, LiveBind bind, MountChanged done);
std::unique_ptr<Worker> start_unbinding(systemd::Loop& loop, const MachineEntry& machine, std::string target, MountChanged done);

}  // namespace holm::daemon
