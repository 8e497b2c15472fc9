#include "daemon/machine_view.h"

#include <algorithm>
#include <charconv>

#include "api/names.h"
#include "daemon/process_facts.h"
#include "daemon/unit_limits.h"
#include "launch/limits.h"
#include "launch/unit_properties.h"
#include "machine/grammar.h"

namespace holm::daemon {

using machine::MachineName;

namespace {

std::vector<uint8_t> bytes_of_uuid(const std::string& text)
{
    std::vector<uint8_t> bytes;
    for (size_t i = 0; i + 2 <= text.size() && bytes.size() < 16; i += 2)
        std::from_chars(text.data() + i, text.data() + i + 2, bytes.emplace_back(), 16);
    return bytes;
}

std::string root_of(const machine::RootSpec& root)
{
    if (!root.path.empty()) return root.path;
    if (!root.image.empty()) return root.image;
    return root.lower.empty() ? "" : root.lower.front();
}

std::string service_of(const std::string& isolation)
{
    return isolation == machine::SecuritySpec().isolation ? machine_service : fmt::format("{}-{}", machine_service, isolation);
}

void add_files(MachineView& view, const Known& known)
{
    view.definition = known.path;
    if (is_service(known.origin)) view.unit = api::service_name(view.name);
    if (!known.spec) return;
    view.description = known.spec->description;
    view.owner = known.spec->owner;
    view.labels = known.spec->labels;
    view.root = root_of(known.spec->root);
    view.service = service_of(known.spec->security.isolation);
}

// What has come about of the present start.
std::map<std::string, uint64_t> timing_of(const MachineEntry& machine)
{
    const SupervisorState::Moments& boot = machine.told.moments;
    std::map<std::string, uint64_t> timing = {{"asked", machine.moments.asked},
                                              {"planned", machine.moments.planned},
                                              {"told", machine.moments.told},
                                              {"booting", boot.booting},
                                              {"leader", boot.leader},
                                              {"started", boot.started},
                                              {"ready", boot.ready}};
    std::erase_if(timing, [](const auto& moment) { return moment.second == 0; });
    return timing;
}

void add_life(MachineView& view, const MachineEntry& machine)
{
    view.active = is_active(machine.life);
    view.state = machine::state_of(machine.life);
    view.frozen = machine.life.frozen || (view.active && !machine.control_group.empty() && is_frozen(machine.control_group));
    view.started = machine.life.started;
    view.boots = machine.life.boots;
    view.times = machine.times;
    view.control_group = machine.control_group;
    if (machine.last) view.last = *machine.last, view.has_last = true;
    if (!view.active) return;
    view.timing = timing_of(machine);
    view.unit = unit_of(machine);
    view.health = machine.told.health;
    view.restarts = machine.told.restarts;
    view.restarted_after = machine.told.restarted_after;
    view.next_boot = machine.told.next_boot;
    view.held = machine.told.held;
    view.held_why = machine.told.held_why;
    view.leader = static_cast<uint32_t>(machine.told.leader);
    if (!machine.plan) return;
    const machine::Microseconds stop_timeout = machine.plan->payload.stop_timeout;
    view.stop_timeout = stop_timeout == machine::infinite ? UINT64_MAX : static_cast<uint64_t>(stop_timeout.count());
    view.limits = read_limits(machine.control_group, machine.plan->unit.properties);
    view.id = bytes_of_uuid(machine.plan->uuid);
    if (view.description.empty()) view.description = machine.plan->unit.description;
    if (view.root.empty() && !machine.plan->rootfs.lower.empty()) view.root = machine.plan->rootfs.lower.front();
}

const launch::Plan* find_running_plan(const Lifecycle& lifecycle, const MachineName& name)
{
    const MachineEntry* machine = lifecycle.find(name);
    return machine && is_active(machine->life) && machine->plan ? &*machine->plan : nullptr;
}

std::optional<MachineView> make_view(const Lifecycle& lifecycle, const Known* known, const MachineName& name)
{
    const MachineEntry* machine = lifecycle.find(name);
    if (!known && (!machine || (!is_active(machine->life) && !machine->last))) return {};
    MachineView view;
    view.name = name;
    if (known) add_files(view, *known);
    if (machine) add_life(view, *machine);
    if (view.active || view.has_last) return view;
    // Of a life before this holmd's.
    if (auto last = read_last_run(name)) {
        view.last = std::move(*last);
        view.has_last = true;
        if (view.last.failed) view.state = machine::State::Failed;
    }
    return view;
}

}  // namespace

std::optional<MachineView> find_view(const Lifecycle& lifecycle, Catalogue& catalogue, const MachineName& name)
{
    return make_view(lifecycle, catalogue.find(name), name);
}

std::vector<std::string> find_published(const Host& host, const Lifecycle& lifecycle, const MachineName& name)
{
    std::vector<std::string> all;
    if (const launch::Plan* plan = find_running_plan(lifecycle, name)) {
        for (const network::Endpoint& endpoint : plan->network.endpoints)
            for (const network::Publication& published : endpoint.published) all.push_back(describe(published));
        return all;
    }
    const Known* known = host.catalogue.find(name);
    if (!known || !known->spec) return all;
    for (const machine::NetworkSpec& entry : known->spec->networks)
        for (const std::string& text : entry.publish)
            if (auto published = network::parse_published(text)) all.push_back(describe(*published));
    return all;
}

systemd::Labels find_limits(const Host& host, const Lifecycle& lifecycle, const MachineName& name)
{
    if (const launch::Plan* plan = find_running_plan(lifecycle, name)) return launch::limits_of(plan->unit.properties);
    const Known* known = host.catalogue.find(name);
    if (!known || !known->spec) return {};
    auto planned = launch::plan_resources(*known->spec, {.resources = host.settings.resources});
    return planned ? launch::limits_of(*planned) : systemd::Labels();
}

std::vector<MachineView> list_views(const Lifecycle& lifecycle, Catalogue& catalogue)
{
    std::vector<MachineName> names = catalogue.names();
    for (const MachineEntry* machine : lifecycle.all()) names.push_back(machine->name);
    std::ranges::sort(names);
    names.erase(std::ranges::unique(names).begin(), names.end());
    std::vector<MachineView> views;
    const Catalogue::Folders folders = catalogue.look_at_folders();
    for (const MachineName& name : names)
        if (auto view = make_view(lifecycle, catalogue.find(name, folders), name)) views.push_back(std::move(*view));
    return views;
}

}  // namespace holm::daemon
