#include "daemon/planner.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>

#include "api/names.h"
#include "base/fd.h"
#include "base/folder.h"
#include "base/handle.h"
#include "base/text.h"
#include "base/undo.h"
#include "daemon/commit.h"
#include "daemon/disk_images.h"
#include "daemon/host_facts.h"
#include "daemon/identity.h"
#include "daemon/image_root.h"
#include "daemon/mount_owners.h"
#include "daemon/network_files.h"
#include "daemon/networks.h"
#include "daemon/overridden.h"
#include "daemon/planner_spec.h"
#include "daemon/snapshots.h"
#include "daemon/state_folder.h"
#include "image/payload_defaults.h"
#include "kernel/lock_file.h"
#include "launch/credential.h"
#include "launch/drop_in.h"
#include "launch/make_plan.h"
#include "launch/payload.h"
#include "launch/plan_file.h"
#include "network/apply_machine.h"
#include "network/observe.h"
#include "rootfs/observe.h"
#include "rootfs/observe_devices.h"
#include "rootfs/remove.h"
#include "rootfs/seal.h"
#include "security/compile_filter.h"
#include "security/load_profile.h"

namespace holm::daemon {

namespace {

using machine::MachineName;
using machine::Spec;

constexpr const char* generated_units = "/run/systemd/generator";
constexpr const char* filters_folder = "/var/cache/holm/filters";

// What of the host is holm's own, and not to be seen in a machine that has the host's root as a layer.
const std::vector<std::string>& own_folders()
{
    static const std::vector<std::string> folders = {api::state_folder, api::runtime_folder, std::string(api::etc_folder) + "/secrets"};
    return folders;
}

Result<ImageRoot> observe_image(const PlanRequest& request, const Spec& spec)
{
    if (spec.root.image.empty()) return ImageRoot();
    for (const std::string& place : image_places()) looking_at(request, place);
    return observe_image_root(spec);
}

// What was put off to the start of the machine: a snapshot, an image of it. Before the store is held, which the latter changes.
Result<> do_what_was_put_off(const PlanRequest& request, const Spec& spec, std::vector<std::string>& warnings)
{
    const auto place = rootfs::place_upper(spec, api::state_path(request.name));
    if (rootfs::layers_folder(place).empty()) return {};
    looking_at(request, rootfs::layers_folder(place));
    const rootfs::History history = TRY(rootfs::settle_history(place));
    if (!history.next_start.empty()) {
        const std::string missed = TRY(seal_at_start(place, request.settings.store.keep_snapshots),
                                       fmt::format("snapshot '{}' of machine '{}'", history.next_start, request.name.text()));
        if (!missed.empty()) warnings.push_back(missed);
    }
    if (history.next_image.empty()) return {};
    if (auto committed = commit_at_start(request.name, spec, request.looking_at); !committed)
        warnings.push_back(fmt::format("it was not committed: {}", committed.error().text));
    return {};
}

Result<rootfs::Facts> observe_root(const PlanRequest& request, const Spec& spec, const ImageRoot& image, const std::string& zone)
{
    auto looks = [&](std::string_view path) { looking_at(request, path); };
    auto disks =
        TRY(observe_disks({.spec = spec, .image_layers = image.stored ? std::vector<std::string>() : image.layers, .looking_at = looks}));
    rootfs::ObserveInput input{.state = api::state_path(request.name), .image_layers = image.layers, .sealed = image.stored};
    const auto place = rootfs::place_upper(spec, input.state);
    if (!rootfs::layers_folder(place).empty()) {
        looking_at(request, rootfs::layers_folder(place));
        const rootfs::History history = TRY(rootfs::read_history(place));
        input.own_layers = rootfs::layer_paths(place, history);
    }
    using machine::UsersKind;
    input.shifts_ids = spec.security.users.kind == UsersKind::Auto || spec.security.users.kind == UsersKind::Range;
    input.probe_namespace = request.probe_namespace;
    input.zone = zone;
    input.disks = std::move(disks);
    input.search_path = launch::payload_path(spec.payload);
    input.own_folders = own_folders();
    input.looking_at = request.looking_at;
    rootfs::Facts facts = TRY(rootfs::observe(spec, input));
    if (!spec.mounts.empty()) looking_at(request, "users of the host");
    observe_mount_owners(spec, facts);
    if (!spec.security.devices.empty()) looking_at(request, "/dev");
    facts.devices = TRY(rootfs::observe_devices(spec), fmt::format("machine '{}'", request.name.text()));
    return facts;
}

launch::Request request_of(const PlanRequest& request)
{
    return {.unit = request.unit,
            .console = request.console,
            .remove_at_end = request.remove_at_end,
            .hold = request.hold,
            .term = request.term,
            .state_folder = api::state_machines_folder,
            .defaults = {.start_timeout = request.settings.defaults.start_timeout,
                         .stop_timeout = request.settings.defaults.stop_timeout,
                         .resources = request.settings.resources}};
}

IdentityRequest identity_request(const PlanRequest& request, const Spec& spec)
{
    return {.name = request.name,
            .users = spec.security.users,
            .pool = {request.settings.users.base, request.settings.users.count},
            .uuid = request.promised_uuid};
}

Result<> remove_runtime_folder(const MachineName& name)
{
    Result<Fd> parent = open_file(api::runtime_machines_folder, O_PATH | O_DIRECTORY);
    if (!parent && parent.error().sys_errno == ENOENT) return {};
    if (!parent) return parent.error();
    return rootfs::remove_tree(parent->get(), name.text());
}

Result<launch::Plan> read_plan_of(const MachineName& name)
{
    const std::string path = api::plan_path(name);
    return launch::parse_plan_file(TRY(read_regular_file(path, launch::max_plan_file)), path);
}

// What their supervisors would have taken away, had they not been killed.
void remove_stale_locks(std::span<const Ended> machines, std::span<const Result<launch::Plan>> plans)
{
    std::set<std::string, std::less<>> holders;
    for (const Ended& machine : machines) holders.insert(machine.name.text());
    auto is_holder = [&](std::string_view holder) { return holders.contains(holder); };
    for (const auto& plan : plans)
        if (plan && !plan->range_lock.empty()) kernel::remove_stale_lock_file(plan->range_lock, is_holder);
    Handle<DIR, closedir> locks(opendir(api::locks_folder));
    while (const dirent* entry = locks ? readdir(locks.get()) : nullptr)
        if (entry->d_name[0] != '.') kernel::remove_stale_lock_file(fmt::format("{}/{}", api::locks_folder, entry->d_name), is_holder);
}

Result<NetworkRequest> network_request(const PlanRequest& request, const launch::Facts& facts)
{
    const machine::Settings& settings = request.settings;
    NetworkRequest made{
        .name = request.name, .uuid = facts.identity.uuid, .places = places_of(request), .pool = {}, .dns_port = settings.network.dns_port};
    if (settings.origins.contains("network.pool")) made.pool = TRY(network::parse_cidr(settings.network.pool));
    return made;
}

// systemd reads the generator's drop-in at a daemon-reload alone: what is edited without one says something else than it does.
void warn_of_stale_unit(const PlanRequest& request, const Spec& spec, launch::Plan& plan)
{
    if (request.unit != launch::UnitKind::Service) return;
    auto loaded = read_regular_file(fmt::format("{}/{}.d/{}", generated_units, api::service_name(request.name), launch::drop_in_file));
    if (launch::ordering_of(loaded ? *loaded : "") == launch::ordering_of(launch::describe_drop_in(spec))) return;
    plan.warnings.emplace_back(
        "systemd has not read [unit] and the BPF programs of its definition as they are now: run 'systemctl daemon-reload'; they hold from "
        "the next start on");
}

// What depends on libseccomp too: where the filter of system calls lies. And what was found on the way.
Result<launch::Plan> complete_plan(const PlanRequest& request, const Spec& spec, const launch::Facts& facts,
                                   const std::vector<std::string>& warnings)
{
    launch::Plan plan = TRY(make_plan(spec, facts, request_of(request)));
    plan.warnings.insert(plan.warnings.end(), warnings.begin(), warnings.end());
    plan.security.syscalls.filter = TRY(security::filter_path(plan.security, filters_folder));
    return plan;
}

// Of credentials, for holm-setup to read at each boot.
Result<> write_values(const Spec& spec)
{
    for (size_t i = 0; i < spec.credentials.size(); ++i) {
        if (spec.credentials[i].value.empty()) continue;
        TRY(make_folders(api::runtime_path(spec.name), 0700));
        TRY(replace_file(launch::value_path(spec.name, i), spec.credentials[i].value, 0600, Durable::No));
    }
    return {};
}

// What decides, before anything is claimed.
struct Observed {
    Spec spec;
    ImageRoot image;
    Fd mounts_hold;  // as that of the image
    launch::Facts facts;
    std::vector<std::string> warnings;
};

// Draws, writes and saves under the locks of networks and ranges; takes back what it has made if a step fails. Who joins networks waits
// for others that do before it takes the ranges, which every start needs, and gives these back before it joins, and before a filter is
// compiled that no machine has had yet.
Result<launch::Plan> claim(const PlanRequest& request, Observed seen)
{
    const Spec& spec = seen.spec;
    const ImageRoot& image = seen.image;
    launch::Facts& facts = seen.facts;
    Fd networks_lock;
    if (!network::networks_of(spec).empty() || !network::links_of(spec).empty()) networks_lock = TRY(lock_networks());
    Fd ranges_lock = TRY(lock_ranges());
    auto before = TRY(read_identity(request.name));
    bool had_state = exists(api::state_path(request.name)), had_runtime = exists(api::runtime_path(request.name));
    looking_at(request, "users of the host");
    facts.identity = TRY(choose_identity(identity_request(request, spec)), fmt::format("user ids of machine '{}'", request.name.text()));
    const NetworkRequest wanted = TRY(network_request(request, facts));
    facts.network = TRY(draw_networks(wanted, spec, seen.warnings));
    facts.network.listeners = TRY(network::observe_listeners(spec, {}));
    launch::Plan plan = TRY(complete_plan(request, spec, facts, seen.warnings));
    warn_of_stale_unit(request, spec, plan);
    TRY(check_published(request.name, plan.network));  // before anything is made that its removal would have to tell from the other's

    Undo claimed([&] {
        Result<> undone = leave_networks(request.name, plan.network);
        if (plan.security.own_profile)
            if (auto removed = security::remove_profile(request.name); !removed) undone = removed;
        if (!before) remove_leases(request.name);
        if (!had_state) undone = remove_state_folder(request.name);
        else if (before) undone = write_identity(request.name, *before);
        else unlink((api::state_path(request.name) + "/identity.toml").c_str());
        if (had_state && image.fresh) unlink(image::Store().stack(request.name).c_str());
        // What runs by a plan holmd ends by it: of this start there is nothing to end.
        if (had_runtime) unlink(api::plan_path(request.name).c_str());
        else if (undone) undone = remove_runtime_folder(request.name);
    });
    if (!before || *before != facts.identity) {
        // What is gone at its end need not outlive a power cut: its mark tells what to do with the half of it.
        TRY(write_identity(request.name, facts.identity, request.remove_at_end ? Durable::No : Durable::Yes));
    }
    if (image.fresh) {
        TRY(make_folders(api::state_path(request.name), 0700));
        TRY(replace_file(image::Store().stack(request.name), describe_stack(*image.fresh), 0600,
                         request.remove_at_end ? Durable::No : Durable::Yes));
    }
    if (spec.root.size && rootfs::place_upper(spec, api::state_path(request.name)).ours)
        TRY(provide_capped_state(request.name, *spec.root.size));
    TRY(write_values(spec));
    TRY(save_plan(plan));
    ranges_lock.reset();
    TRY(security::provide_filter(plan.security, plan.security.syscalls.filter));
    if (plan.security.own_profile) TRY(security::load_profile(request.name), fmt::format("machine '{}'", request.name.text()));
    TRY(join_networks(request.name, plan.network, facts.network, request.settings.network.firewall,
                      request.remove_at_end ? Durable::No : Durable::Yes));
    claimed.keep();
    return plan;
}

Result<Observed> observe(const PlanRequest& request)
{
    Observed seen;
    seen.spec = TRY(resolve_spec(request, seen.warnings));
    seen.facts.host = TRY(observe_host(seen.spec));
    if (request.mode == PlanRequest::Mode::Claim) TRY(do_what_was_put_off(request, seen.spec, seen.warnings));
    seen.mounts_hold = TRY(resolve_image_mounts(seen.spec));
    seen.image = TRY(observe_image(request, seen.spec));
    const std::string& image = seen.spec.root.image;
    if (seen.image.config) TRY(image::apply_payload_defaults(*seen.image.config, seen.spec), fmt::format("image '{}'", image));
    seen.facts.rootfs = TRY(observe_root(request, seen.spec, seen.image, seen.facts.host.zone));
    seen.facts.fresh_id = TRY(draw_uuid());
    return seen;
}

// What a start would draw, and nothing written. `running`: of the machine.
Result<Draft> plan_observed(const PlanRequest& request, Observed seen, const network::Plan& running)
{
    looking_at(request, "users of the host");
    seen.facts.identity =
        TRY(choose_identity(identity_request(request, seen.spec)), fmt::format("user ids of machine '{}'", request.name.text()));
    const NetworkRequest wanted = TRY(network_request(request, seen.facts));
    seen.facts.network = TRY(draw_networks(wanted, seen.spec, seen.warnings));
    seen.facts.network.listeners = TRY(network::observe_listeners(seen.spec, running));
    for (const machine::Overridden& overridden : TRY(observe_overridden(request)))
        seen.warnings.push_back(fmt::format("{}: {} does not hold: it was set to {}", overridden.key, overridden.below, overridden.above));
    launch::Plan plan = TRY(complete_plan(request, seen.spec, seen.facts, seen.warnings));
    return Draft{std::move(plan), std::move(seen.facts.network)};
}

// All of them at once; what this cannot do, each release finds still there.
void remove_ends(const std::vector<Result<launch::Plan>>& plans)
{
    std::vector<const network::Plan*> networks;
    for (const Result<launch::Plan>& plan : plans)
        if (plan && !plan->network.endpoints.empty()) networks.push_back(&plan->network);
    if (networks.size() > 1) (void)network::remove_ended(networks);
}

Result<> release_planned(const Ended& machine, const Result<launch::Plan>& plan)
{
    Result<> left;
    if (plan && !plan->network.endpoints.empty()) {
        const network::Plan* network = &plan->network;
        Result<> removed = network::remove_ended({&network, 1});  // of names that are this machine's: no other start waits for it
        Fd lock = TRY(lock_networks());
        left = leave_networks(machine.name, plan->network);
        if (!removed) left = removed;
    }
    if (plan && plan->security.own_profile) TRY(security::remove_profile(machine.name));
    if (plan && plan->rootfs.capped_on_disk()) lift_cap(machine.name);
    TRY(remove_runtime_folder(machine.name));
    if (machine.keep == Keep::Record) return left;
    remove_leases(machine.name);
    TRY(remove_state_folder(machine.name));
    return left;
}

}  // namespace

Result<launch::Plan> prepare(const PlanRequest& request)
{
    Observed seen = TRY(observe(request));
    if (request.mode == PlanRequest::Mode::Claim) return claim(request, std::move(seen));
    Draft made = TRY(plan_observed(request, std::move(seen), {}));
    return std::move(made.plan);
}

Result<Draft> draft(PlanRequest request, const launch::Plan& running)
{
    request.mode = PlanRequest::Mode::PlanOnly;
    request.console = running.console;
    request.remove_at_end = running.remove_at_end;
    auto term = std::ranges::find(running.payload.environment, "TERM", &std::pair<std::string, std::string>::first);
    if (term != running.payload.environment.end()) request.term = term->second;
    Observed seen = TRY(observe(request));
    seen.facts.fresh_id = running.uuid;
    return plan_observed(request, std::move(seen), running.network);
}

Result<> save_plan(const launch::Plan& plan)
{
    std::string text = describe_plan_file(plan), path = api::plan_path(plan.name);
    Result<launch::Plan> read = launch::parse_plan_file(text, path);
    if (!read) return with_context(read.error(), fmt::format("the plan of machine '{}' cannot be saved", plan.name.text()));
    if (*read != plan) return error(Errc::Failed, "the plan of machine '{}' cannot be saved: it reads back as another", plan.name.text());
    TRY(make_folders(api::runtime_path(plan.name), 0700));
    return replace_file(path, text, 0600);
}

bool has_plan(const MachineName& name)
{
    return exists(api::plan_path(name));
}

bool has_runtime(const MachineName& name)
{
    return exists(api::runtime_path(name));
}

bool has_own_upper(const MachineName& name)
{
    return std::ranges::any_of(std::array{"/upper", "/work", "/layers"},
                               [&](const char* folder) { return exists(api::state_path(name) + folder); });
}

Result<> release(const MachineName& name, Keep keep)
{
    const Ended alone{name, keep};
    return release({&alone, 1}).front();
}

std::vector<Result<>> release(std::span<const Ended> machines)
{
    std::vector<Result<launch::Plan>> plans;
    for (const Ended& machine : machines) plans.push_back(read_plan_of(machine.name));
    remove_stale_locks(machines, plans);
    remove_ends(plans);
    std::vector<Result<>> results;
    for (size_t number = 0; number < machines.size(); ++number) results.push_back(release_planned(machines[number], plans[number]));
    return results;
}

}  // namespace holm::daemon
