#include "daemon/planner_child.h"

#include <dlfcn.h>

#include <ctime>
#include <thread>

#include "api/names.h"
#include "base/log.h"
#include "daemon/networks.h"
#include "launch/describe.h"
#include "launch/plan_file.h"
#include "rootfs/id_map_probe.h"
#include "security/compile_filter.h"

namespace holm::daemon {

namespace {

constexpr std::chrono::seconds boot_deadline{45};  // less than holm-prepare waits
constexpr time_t boot_time = 300;                  // s
constexpr int release_attempts = 5;
constexpr std::chrono::milliseconds release_pause{200};

Fd probe_namespace;  // of prepare_planning

// A host that boots has more to do than to answer: who its users are, say, which machined is asked that is about to start.
std::chrono::seconds planning_deadline()
{
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec < boot_time ? boot_deadline : planner_deadline;
}

// What fails for want of memory, descriptors or a disk that answers may go well in a moment, as long as the plan says what there is to
// take back: an error of after that stands. In the child, which may wait.
Result<> release_persistently(const machine::MachineName& name, Keep keep)
{
    Result<> released = release(name, keep);
    for (int i = 1; !released && has_plan(name) && i < release_attempts; ++i) {
        std::this_thread::sleep_for(release_pause);
        released = release(name, keep);
    }
    return released;
}

}  // namespace

void prepare_planning()
{
    security::load_digests();
    // Of nsswitch.conf(5), where the host has it; nothing is asked of it here. Loading it is most of a lookup's time.
    static_cast<void>(::dlopen("libnss_systemd.so.2", RTLD_NOW));
    auto made = rootfs::make_probe_namespace();
    if (made) probe_namespace = std::move(*made);
    else log_warning("{}: each start tries anew", made.error().text);
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

std::unique_ptr<Worker> start_removal(systemd::Loop& loop, const machine::MachineName& name, Keep keep, Released released)
{
    auto job = [&name, keep](const Worker::LookingAt&) -> Result<kernel::Message> {
        TRY(release_persistently(name, keep));
        return kernel::Message("ok");
    };
    auto finished = [released = std::move(released)](Result<kernel::Message> done) mutable {
        released(done ? Result<>() : Result<>(done.error()));
    };
    return Worker::start(loop, fmt::format("removing machine '{}'", name.text()), removal_deadline, job, std::move(finished));
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
