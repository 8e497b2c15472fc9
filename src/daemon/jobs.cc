#include "daemon/jobs.h"

#include <cstdlib>
#include <utility>

#include "api/names.h"

namespace holm::daemon {

std::string job_path(uint32_t id)
{
    return fmt::format("{}/{}", api::jobs_path, id);
}

std::string machine_path(const machine::MachineName& name)
{
    char* path = nullptr;
    if (sd_bus_path_encode(api::machines_path, name.text().c_str(), &path) < 0) return api::machines_path;
    std::string text = path;
    ::free(path);
    return text;
}

std::string_view describe_kind(JobKind kind)
{
    switch (kind) {
    case JobKind::Start: return "start";
    case JobKind::Stop: return "stop";
    case JobKind::Restart: return "restart";
    case JobKind::Clone: return "clone";
    case JobKind::Rename: return "rename";
    case JobKind::Snapshot: return "snapshot";
    case JobKind::Rollback: return "rollback";
    }
    std::unreachable();
}

namespace {
std::string describe_result(JobResult result)
{
    switch (result) {
    case JobResult::Done: return "done";
    case JobResult::Failed: return "failed";
    case JobResult::Canceled: return "canceled";
    }
    std::unreachable();
}
}  // namespace

uint32_t Jobs::begin(const machine::MachineName& machine, JobKind kind)
{
    do ++last_;
    while (last_ == 0 || jobs_.contains(last_));
    jobs_.emplace(last_, Job{last_, machine, kind});
    bus_.emit(api::root_path, api::manager_interface, "JobNew", last_, systemd::ObjectPath{job_path(last_)}, machine.text());
    return last_;
}

void Jobs::end(uint32_t id, JobResult result, const std::string& failure)
{
    auto node = jobs_.extract(id);
    if (node.empty()) return;
    bus_.emit(api::root_path, api::manager_interface, "JobRemoved", id, systemd::ObjectPath{job_path(id)}, node.mapped().machine.text(),
              describe_result(result), failure);
}

const Job* Jobs::find(uint32_t id) const
{
    auto job = jobs_.find(id);
    return job == jobs_.end() ? nullptr : &job->second;
}

}  // namespace holm::daemon
