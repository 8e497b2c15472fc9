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
    case JobKind::Import: return "import";
    case JobKind::Export: return "export";
    case JobKind::Clone: return "clone";
    case JobKind::Rename: return "rename";
    case JobKind::Snapshot: return "snapshot";
    case JobKind::Rollback: return "rollback";
    case JobKind::Commit: return "commit";
    case JobKind::Rebase: return "rebase";
    case JobKind::Hash: return "hash";
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
    case JobResult::Held: return "held";
    }
    std::unreachable();
}
}  // namespace

uint32_t Jobs::add(Job job)
{
    do ++last_;
    while (last_ == 0 || jobs_.contains(last_));
    job.id = last_;
    bus_.emit(api::root_path, api::manager_interface, "JobNew", last_, systemd::ObjectPath{job_path(last_)}, job.machine.text());
    jobs_.emplace(last_, std::move(job));
    return last_;
}

uint32_t Jobs::begin(const machine::MachineName& machine, JobKind kind)
{
    return add({.machine = machine, .kind = kind});
}

uint32_t Jobs::begin_image(const std::string& image, JobKind kind)
{
    return add({.machine = {}, .kind = kind, .image = image});
}

void Jobs::note_progress(uint32_t id, uint64_t bytes, uint64_t total)
{
    auto job = jobs_.find(id);
    if (job == jobs_.end()) return;
    job->second.bytes = bytes;
    job->second.total = total;
    emit_changed(id, {"Bytes", "TotalBytes", nullptr});
}

void Jobs::note_digest(uint32_t id, const std::string& digest)
{
    auto job = jobs_.find(id);
    if (job == jobs_.end()) return;
    job->second.digest = digest;
    emit_changed(id, {"Digest", nullptr});
}

void Jobs::emit_changed(uint32_t id, std::vector<const char*> properties)
{
    if (!bus_.connected()) return;
    static_cast<void>(
        sd_bus_emit_properties_changed_strv(bus_.get(), job_path(id).c_str(), api::job_interface, const_cast<char**>(properties.data())));
}

void Jobs::note_cancelled(uint32_t id)
{
    if (auto job = jobs_.find(id); job != jobs_.end()) job->second.cancelled = true;
}

bool Jobs::is_cancelled(uint32_t id) const
{
    const Job* job = find(id);
    return job && job->cancelled;
}

void Jobs::end(uint32_t id, JobResult result, const std::string& failure)
{
    auto node = jobs_.extract(id);
    if (node.empty()) return;
    bus_.emit(api::root_path, api::manager_interface, "JobRemoved", id, systemd::ObjectPath{job_path(id)}, node.mapped().machine.text(),
              describe_result(result), failure);
}

void Jobs::warn(uint32_t id, const std::string& text)
{
    const Job* job = find(id);
    if (job)
        bus_.emit(api::root_path, api::manager_interface, "JobWarning", id, systemd::ObjectPath{job_path(id)}, job->machine.text(), text);
}

const Job* Jobs::find(uint32_t id) const
{
    auto job = jobs_.find(id);
    return job == jobs_.end() ? nullptr : &job->second;
}

}  // namespace holm::daemon
