// Jobs: what a client has asked for and what came of it, by number. They live from JobNew to JobRemoved. Effects: signals.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "machine/name.h"
#include "systemd/bus.h"

namespace holm::daemon {

enum class JobKind { Start, Stop, Restart, Clone, Rename, Snapshot, Rollback, Commit, Rebase, Import, Export, Hash };
enum class JobResult {
    Done,
    Failed,
    Canceled,
    Held,  // a start that is held: another job goes on with it
};

struct Job {
    uint32_t id = 0;
    machine::MachineName machine;
    JobKind kind = JobKind::Start;
    std::string image;              // of a job of the image store, which is about no machine
    uint64_t bytes = 0, total = 0;  // how far it is; total 0 = not known
    std::string digest;             // of what it has made, once it is done
    bool cancelled = false;
};

class Jobs {
public:
    explicit Jobs(systemd::Bus& bus) : bus_(bus) {}

    // A new job; JobNew is emitted.
    uint32_t begin(const machine::MachineName& machine, JobKind kind);
    // The same for an image.
    uint32_t begin_image(const std::string& image, JobKind kind);
    // PropertiesChanged is emitted.
    void note_progress(uint32_t id, uint64_t bytes, uint64_t total);
    void note_digest(uint32_t id, const std::string& digest);
    void note_cancelled(uint32_t id);
    bool is_cancelled(uint32_t id) const;
    // JobRemoved is emitted; `failure`: its sentence. A job of id 0 or that has ended already is none.
    void end(uint32_t id, JobResult result, const std::string& failure = "");

    // JobWarning is emitted: what the client should know of a job that goes on. A job of id 0 is none.
    void warn(uint32_t id, const std::string& text);

    const Job* find(uint32_t id) const;
    const std::map<uint32_t, Job>& all() const { return jobs_; }

private:
    uint32_t add(Job job);
    void emit_changed(uint32_t id, std::vector<const char*> properties);
    systemd::Bus& bus_;
    std::map<uint32_t, Job> jobs_;
    uint32_t last_ = 0;
};

std::string job_path(uint32_t id);                           // "/org/holm1/job/7"
std::string machine_path(const machine::MachineName& name);  // "/org/holm1/machine/web_2d1"
std::string_view describe_kind(JobKind kind);

}  // namespace holm::daemon
