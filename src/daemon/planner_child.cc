#include "daemon/planner_child.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <ctime>
#include <tuple>

#include "api/names.h"
#include "base/log.h"
#include "daemon/identity.h"
#include "daemon/network_files.h"
#include "daemon/networks.h"
#include "daemon/process_facts.h"
#include "launch/describe.h"
#include "launch/plan_file.h"
#include "rootfs/id_map_probe.h"
#include "security/compile_filter.h"

namespace holm::daemon {

namespace {

constexpr std::chrono::seconds boot_deadline{45};  // less than holm-prepare waits
constexpr time_t boot_time = 300;                  // s

Fd probe_namespace;         // of prepare_planning
std::string own_processes;  // the same: the file by which processes are moved into holmd's cgroup

// A host that boots has more to do than to answer: who its users are, say, which machined is asked that is about to start.
std::chrono::seconds planning_deadline()
{
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec < boot_time ? boot_deadline : planner_deadline;
}

// systemd is going to move the supervisor into its scope. If nothing was moved lately the kernel waits for a grace period of RCU before it
// moves a process, for 10 to 20 ms (percpu_down_write in cgroup_attach_lock of kernel/cgroup/cgroup.c): so it is made to begin now, beside
// the planning, by a move that changes nothing. What fails makes the start slower, no more. In the child, which may end meanwhile; no
// std::thread, which frees memory at some moment: the child makes processes that inherit the heap and its locks as they are.
void begin_grace_period()
{
    if (own_processes.empty()) return;
    auto move = [](void*) -> void* {
        Fd processes(::open(own_processes.c_str(), O_WRONLY | O_CLOEXEC));
        if (processes) std::ignore = ::write(processes.get(), "0", 1);
        return nullptr;
    };
    pthread_t thread{};
    if (::pthread_create(&thread, nullptr, move, nullptr) == 0) ::pthread_detach(thread);
}

}  // namespace

void prepare_planning()
{
    if (auto own = cgroup_of(::getpid())) own_processes = fmt::format("/sys/fs/cgroup{}/cgroup.procs", *own);
    security::load_digests();
    // Of nsswitch.conf(5), where the host has it; nothing is asked of it here. Loading it is most of a lookup's time.
    static_cast<void>(::dlopen("libnss_systemd.so.2", RTLD_NOW));
    auto made = rootfs::make_probe_namespace();
    if (made) probe_namespace = std::move(*made);
    else log_warning("{}: each start tries anew", made.error().text);
}

void remember_claims(const launch::Plan& plan)
{
    std::ignore = read_identity(plan.name);
    read_leases(plan.name, plan.network);
}

void forget_claims(const machine::MachineName& name)
{
    forget_identity(name);
    forget_leases(name);
}

Result<launch::Plan> read_plan(const std::string& path)
{
    std::string text = TRY(read_regular_file(path, launch::max_plan_file));
    return launch::parse_plan_file(text, path);
}

std::unique_ptr<Worker> start_planning(systemd::Loop& loop, PlanRequest request, Planned planned)
{
    request.mode = PlanRequest::Mode::Claim;
    request.probe_namespace = probe_namespace ? probe_namespace.get() : -1;
    std::vector<int> kept;
    if (probe_namespace) kept.push_back(probe_namespace.get());
    auto job = [&request](const Worker::LookingAt& looking_at) -> Result<kernel::Message> {
        request.looking_at = looking_at;
        if (request.unit == launch::UnitKind::Scope) begin_grace_period();
        TRY(prepare(request));
        return kernel::Message("ok");
    };
    auto finished = [path = api::plan_path(request.name), planned = std::move(planned)](Result<kernel::Message> done) mutable {
        planned(done ? read_plan(path) : Result<launch::Plan>(done.error()));
    };
    return Worker::start(loop, fmt::format("planning machine '{}'", request.name.text()), planning_deadline(), job, std::move(finished),
                         std::move(kept));
}

std::unique_ptr<Worker> start_describing(systemd::Loop& loop, PlanRequest request, Described described)
{
    request.mode = PlanRequest::Mode::PlanOnly;
    auto job = [&request](const Worker::LookingAt& looking_at) -> Result<kernel::Message> {
        request.looking_at = looking_at;
        launch::Plan plan = TRY(prepare(request));
        return std::move(kernel::Message("ok").add("text", launch::describe_plan(plan)));
    };
    auto finished = [described = std::move(described)](Result<kernel::Message> done) mutable {
        described(done ? Result<std::string>(std::string(done->get("text"))) : Result<std::string>(done.error()));
    };
    return Worker::start(loop, fmt::format("planning machine '{}'", request.name.text()), planner_deadline, job, std::move(finished));
}

std::unique_ptr<Worker> start_restoring_networks(systemd::Loop& loop, const kernel::Places& places, const machine::Settings& settings,
                                                 Released restored)
{
    auto job = [&](const Worker::LookingAt&) -> Result<kernel::Message> {
        TRY(restore_networks(places, settings));
        return kernel::Message("ok");
    };
    auto finished = [restored = std::move(restored)](Result<kernel::Message> done) mutable {
        restored(done ? Result<>() : Result<>(done.error()));
    };
    return Worker::start(loop, "restoring the networks", planner_deadline, job, std::move(finished));
}

}  // namespace holm::daemon
