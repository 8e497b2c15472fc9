#include "daemon/image_jobs.h"

#include <chrono>

#include "base/log.h"
#include "daemon/worker.h"

namespace holm::daemon {

namespace {

// A cleaner that is killed is followed by another, so often.
constexpr unsigned most_killed = 10;
constexpr std::chrono::seconds patience{1};

}  // namespace

void ImageJobs::begin(Reply reply, JobKind kind, const std::string& image, kernel::Message request, systemd::Callback ended)
{
    const uint32_t id = jobs_.begin_image(image, kind);
    work(id, std::move(request), std::move(ended));
    reply.ok(id, systemd::ObjectPath{job_path(id)});
}

void ImageJobs::hash_layers()
{
    work(jobs_.begin_image("", JobKind::Hash), kernel::Message("hash"));
}

void ImageJobs::work(uint32_t id, kernel::Message request, systemd::Callback then)
{
    const bool replaces = request.get("force") == "1";
    auto finished = [this, id, replaces, then = std::move(then)](Result<kernel::Message> result) mutable {
        auto ended = running_.extract(id);
        if (then) then();
        if (result ? replaces : ended_without_a_word(result.error())) clean_up();
        if (result) {
            jobs_.note_digest(id, std::string(result->get("digest")));
            return jobs_.end(id, JobResult::Done);
        }
        jobs_.end(id, jobs_.is_cancelled(id) ? JobResult::Canceled : JobResult::Failed, result.error().text);
    };
    running_[id] = StoreProcess::start(loop_, std::move(request),
                                       {.progress = [this, id](uint64_t bytes, uint64_t total) { jobs_.note_progress(id, bytes, total); },
                                        .finished = std::move(finished)});
}

void ImageJobs::ask(Reply reply, kernel::Message request, Done done)
{
    auto place = asked_.emplace(asked_.end());
    auto finished = [this, place, reply = std::move(reply), done = std::move(done)](Result<kernel::Message> result) mutable {
        auto ended = std::move(*place);
        asked_.erase(place);
        if (!result && ended_without_a_word(result.error())) clean_up();
        if (!result) return reply.fail(result.error());
        if (done) done(std::move(reply), std::move(*result));
        else reply.ok();
    };
    *place = StoreProcess::start(loop_, std::move(request), {.progress = {}, .finished = std::move(finished)});
}

bool ImageJobs::cancel(uint32_t job)
{
    auto found = running_.find(job);
    if (found == running_.end()) return false;
    jobs_.note_cancelled(job);
    found->second->cancel();
    return true;
}

// One at a time: two would leave each other's folders alone.
void ImageJobs::clean_up()
{
    clean_again_ = cleaner_ != nullptr;
    if (cleaner_) return;
    kernel::Message request("clean");
    request.add("hash", "1");
    cleaner_ = StoreProcess::start(loop_, std::move(request),
                                   {.progress = {}, .finished = [this](const Result<kernel::Message>& done) { cleaned(done); }});
}

void ImageJobs::cleaned(const Result<kernel::Message>& done)
{
    auto ended = std::move(cleaner_);
    if (!done) log_warning("the image store cannot be cleaned up: {}", done.error().text);
    const bool killed = !done && ended_without_a_word(done.error());
    cleaners_killed_ = killed && cleaners_killed_ < most_killed ? cleaners_killed_ + 1 : 0;
    if (cleaners_killed_ == 0 && !clean_again_) return;
    auto later = loop_.after(cleaners_killed_ ? patience : std::chrono::seconds(0), [this] { clean_up(); });
    if (later) clean_later_ = std::move(*later);
}

}  // namespace holm::daemon
