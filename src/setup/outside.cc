#include "setup/outside.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "base/text.h"
#include "kernel/cgroup.h"
#include "kernel/idmap.h"
#include "kernel/mount.h"
#include "kernel/namespace.h"
#include "kernel/path.h"
#include "kernel/process.h"
#include "launch/payload.h"
#include "launch/plan_file.h"
#include "network/apply_machine.h"
#include "network/physical.h"
#include "rootfs/apply_kernel_mounts.h"
#include "rootfs/apply_outside.h"
#include "rootfs/remove.h"
#include "security/apply.h"
#include "setup/credentials.h"
#include "setup/inside.h"
#include "setup/locks.h"
#include "setup/moved_links.h"
#include "setup/program.h"

namespace holm::setup {

namespace {

using kernel::Message;

struct Request {
    launch::Plan plan;
    security::FilterPrograms filter;
    bool locked = false;        // an earlier boot of this unit took the locks
    bool keeps_memory = false;  // the supervisor takes an upper in memory, and gives it back at the next boot
    Fd cgroup;
    Fd memory;
    std::vector<Fd> pipes;
    std::vector<rootfs::Credential> credentials;
    rlimit files{};  // of the payload, where the plan has no other
    Fd runtime;      // program of the OCI runtime, where the plan has one
    Fd host_mounts;  // the mount namespace that this process was started in, where the plan moves links
};

Result<Request> receive_boot(Status& status)
{
    Message message = TRY(status.receive_request("boot"));
    Request request;
    const std::string path(message.get("plan"));
    const std::string text = TRY(read_regular_file(path, launch::max_plan_file));
    request.plan = TRY(launch::parse_plan_file(text, path));
    request.filter = TRY(security::read_filter(request.plan.security));
    if (message.get_number("boots") == 1) status.hold_at(request.plan.hold);
    request.locked = message.get_number("locked") == 1;
    request.keeps_memory = message.has("memory");
    bool terminal = request.plan.console == launch::Console::Terminal;
    auto next = message.fds.begin();
    auto take = [&] { return next == message.fds.end() ? Fd() : std::move(*next++); };
    request.cgroup = take();
    if (message.get_number("memory") == 1) request.memory = take();
    for (int i = 0; !terminal && i < 3; ++i) request.pipes.push_back(take());
    if (!request.cgroup || (!terminal && !request.pipes.back())) return error(Errc::Invalid, "the request 'boot' lacks descriptors");
    return request;
}

void add_check(Message& facts, const std::string& key, const launch::Check& check)
{
    facts.add(key + "_what", check.what).add(key + "_port", int64_t{check.port});
    for (const std::string& argument : check.command) facts.add(key + "_command", argument);
}

void add_restarts(Message& facts, const launch::Payload& payload)
{
    using machine::Restart, machine::OnUnhealthy;
    const bool always = payload.restart == Restart::Always;
    facts.add("restart", payload.restart == Restart::No ? "no" : always ? "always" : "on-failure");
    facts.add("restart_delay", int64_t{payload.restart_delay.count()}).add("restart_limit", int64_t{payload.restart_limit});
    if (payload.ready_check) add_check(facts, "ready", *payload.ready_check);
    if (!payload.health) return;
    const launch::Health& health = *payload.health;
    add_check(facts, "health", health.check);
    facts.add("health_interval", int64_t{health.interval.count()}).add("health_timeout", int64_t{health.timeout.count()});
    facts.add("health_retries", int64_t{health.retries});
    const bool stops = health.on_failure == OnUnhealthy::Stop;
    facts.add("on_failure", health.on_failure == OnUnhealthy::None ? "none" : stops ? "stop" : "restart");
}

Result<> send_facts(const launch::Plan& plan, Status& status)
{
    const launch::Payload& payload = plan.payload;
    Message facts("facts");
    facts.add("name", plan.name.text()).add("unit", plan.unit.name).add("stop_signal", payload.stop_signal);
    facts.add("start_timeout", int64_t{payload.start_timeout.count()}).add("stop_timeout", int64_t{payload.stop_timeout.count()});
    facts.add("console", plan.console == launch::Console::Terminal ? "terminal" : "pipes");
    facts.add("init", plan.security.runtime.empty() ? launch::describe_init(payload.init_kind) : "sandbox");
    facts.add("ready", payload.ready_by_notify ? "notify" : "started");
    facts.add("remove", int64_t{plan.remove_at_end}).add("boot", int64_t{payload.boot});
    if (plan.rootfs.empty_at_end) facts.add("empty", plan.rootfs.upper_path);
    add_restarts(facts, payload);
    return status.send(facts);
}

// What a power cut left of an ephemeral upper; now that it is locked, nobody uses it.
Result<> empty_upper(const rootfs::Plan& plan)
{
    for (auto& path : {plan.upper_path, plan.work_path}) {
        Fd folder = TRY(kernel::open_source(path, O_PATH | O_DIRECTORY));
        TRY(rootfs::empty_folder(folder.get()), fmt::format("cannot empty '{}'", printable(path)));
    }
    return {};
}

uint64_t namespaces_of(const launch::Plan& plan)
{
    uint64_t flags = CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP;
    if (plan.rootfs.ids.has_namespace()) flags |= CLONE_NEWUSER;
    if (plan.network.kind != network::Kind::Host) flags |= CLONE_NEWNET;
    return flags;
}

// The kernel lets a sysfs be mounted by who has privileges over the network namespace that it shows.
rootfs::Sysfs sysfs_of(const launch::Plan& plan)
{
    bool own = plan.network.kind != network::Kind::Host || !plan.rootfs.ids.has_namespace();
    return own ? rootfs::Sysfs::Own : rootfs::Sysfs::Host;
}

Result<> unshare_clocks(const security::Plan& plan)
{
    if (!plan.boottime_offset && !plan.monotonic_offset) return {};
    return kernel::unshare_time({.boottime = plan.boottime_offset, .monotonic = plan.monotonic_offset});
}

// What the child cannot do for itself: its ids, its limits, its part of the cgroup tree.
Result<> prepare_child(const Request& request, const kernel::Child& child, Status& status)
{
    const machine::IdRange& ids = request.plan.rootfs.ids;
    status.enter("users");
    if (ids.has_namespace()) TRY(kernel::write_id_maps(child.pid, ids.base, ids.count));
    status.enter("limits");
    ::prlimit(child.pid, RLIMIT_NOFILE, &request.files, nullptr);
    const std::vector<std::string> warnings = TRY(security::apply_limits(request.plan.security, child.pid));
    for (auto& warning : warnings) status.warn(warning);
    status.enter("cgroup");
    if (ids.has_namespace()) TRY(kernel::delegate_cgroup(request.cgroup.get(), ids.base));
    return {};
}

rootfs::KernelMounter::Task kernel_task(const launch::Plan& plan, const kernel::Child& child)
{
    rootfs::KernelMounter::Task task{.leader = child.pidfd.get(),
                                     .sysfs = sysfs_of(plan),
                                     .uncovered = plan.rootfs.uncovered_kernel_files || !plan.security.runtime.empty(),
                                     .root_id = plan.rootfs.ids.base,
                                     .sysctls = {}};
    for (auto& [path, value] : plan.security.sysctls) task.sysctls.push_back({path, value});
    return task;
}

// /proc and /sys come last: no path of the root is resolved once they are there. What covers them is locked with them.
Result<> attach_kernel_files(const launch::Plan& plan, const rootfs::KernelMounter& mounter, int root)
{
    Fd second;
    if (!plan.security.runtime.empty()) second = TRY(rootfs::make_runtime_root(root));
    else if (plan.rootfs.uncovered_kernel_files)
        second = TRY(kernel::open_in_root(root, "run/host", O_PATH | O_DIRECTORY, kernel::Links::Refuse));
    const rootfs::KernelMounts mounts = TRY(mounter.attach(root, second.get()));
    Fd masked_file = TRY(rootfs::open_stage_mask(rootfs::StageMask::File));
    Fd empty_folder = TRY(rootfs::open_stage_mask(rootfs::StageMask::EmptyFolder));
    return security::cover_kernel_files(
        plan.security,
        {.proc = mounts.proc.get(), .sys = mounts.sys.get(), .masked_file = masked_file.get(), .empty_folder = empty_folder.get()});
}

Result<> build_root(Request& request, const rootfs::Sources& sources, const kernel::Child& child, Status& status)
{
    status.enter("root");
    const launch::Plan& plan = request.plan;
    const rootfs::KernelMounter mounter = TRY(rootfs::KernelMounter::start(kernel_task(plan, child)));
    Fd user_namespace;
    if (plan.rootfs.ids.shifts()) user_namespace = TRY(kernel::open_user_namespace(child.pid));
    rootfs::Outside built = TRY(rootfs::build_root({.plan = plan.rootfs,
                                                    .sources = sources,
                                                    .user_namespace = user_namespace.get(),
                                                    .console = plan.console == launch::Console::Terminal,
                                                    .credentials = std::move(request.credentials),
                                                    .memory = std::move(request.memory)}));
    TRY(attach_kernel_files(plan, mounter, built.root.get()));
    TRY(status.send(Message("notify"), {built.notify.get()}));
    return built.memory && request.keeps_memory ? status.send(Message("memory"), {built.memory.get()}) : Result<>();
}

// All that the child waits for.
Result<> make_surroundings(Request& request, const rootfs::Sources& sources, const kernel::Child& child, Status& status)
{
    TRY(status.send_leader(child));
    TRY(prepare_child(request, child, status));
    status.enter("network");
    if (request.host_mounts)
        TRY(move_links_in(
                {.plan = request.plan.network, .machine = request.plan.name, .pid = child.pid, .mounts = request.host_mounts.get()}),
            "network of the machine");
    TRY(network::apply_outside(request.plan.network, child.pid, child.pidfd.get()), "network of the machine");
    return build_root(request, sources, child, status);
}

// Before any namespace but this process's own of mounts: what is opened later by path is opened now, and what can be in use is locked.
Result<rootfs::Sources> claim_sources(Request& request, Status& status)
{
    status.enter("credentials");
    request.credentials = TRY(read_credentials(request.plan));
    status.enter("sources");
    const std::string& runtime = request.plan.security.runtime;
    if (!runtime.empty()) request.runtime = TRY(kernel::open_source(runtime, O_PATH), fmt::format("runtime '{}'", printable(runtime)));
    if (network::has_moved(request.plan.network)) request.host_mounts = TRY(open_file("/proc/self/ns/mnt", O_RDONLY));
    TRY(kernel::unshare_namespaces(CLONE_NEWNS), "mount namespace");  // first: a bind is made of a mount of one's own namespace
    TRY(kernel::make_mounts_slave());
    rootfs::Sources sources = TRY(rootfs::open_sources(request.plan.rootfs));
    status.enter("lock");
    if (!request.locked) TRY(take_locks(request.plan, status));
    if (!request.locked && request.plan.rootfs.empty_at_end) TRY(empty_upper(request.plan.rootfs));
    return sources;
}

}  // namespace

Result<> boot(Status& status)
{
    status.enter("plan");
    Request request = TRY(receive_boot(status));
    request.files = raise_file_limit();
    TRY(send_facts(request.plan, status));
    const rootfs::Sources sources = TRY(claim_sources(request, status));
    status.enter("namespaces");
    TRY(rootfs::make_stage());
    TRY(unshare_clocks(request.plan.security));
    Pair go = TRY(make_pipe());
    kernel::Child child =
        TRY(kernel::clone_process(namespaces_of(request.plan) | CLONE_PARENT, request.cgroup.get()), "namespaces of the machine");
    if (child.pid == 0)
        return run_inside({.plan = request.plan,
                           .filter = request.filter,
                           .go = std::move(go.first),
                           .runtime = std::move(request.runtime),
                           .pipes = std::move(request.pipes)},
                          status);
    auto made = make_surroundings(request, sources, child, status);
    if (!made) status.hold_failure(made.error());
    TRY(std::move(made));
    return write_all(go.second.get(), "g");  // until now the child waits; at our end without it, it ends too
}

}  // namespace holm::setup
