// ImageJobs: what the store's process is asked for, as jobs on the bus or as calls that are answered when it is done. Effects.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>

#include "daemon/lifecycle.h"
#include "daemon/reply.h"
#include "daemon/store_process.h"

namespace holm::daemon {

class ImageJobs {
public:
    ImageJobs(systemd::Loop& loop, Jobs& jobs) : loop_(loop), jobs_(jobs) {}
    ImageJobs(const ImageJobs&) = delete;
    ImageJobs& operator=(const ImageJobs&) = delete;

    // Answers with the id and object path of a job, and does it; calls back at its end.
    void begin(Reply reply, JobKind kind, const std::string& image, kernel::Message request, systemd::Callback ended = {});
    // Does it, then answers: with nothing, or by `done` with what came of it.
    using Done = std::move_only_function<void(Reply, kernel::Message)>;
    void ask(Reply reply, kernel::Message request, Done done = {});
    // A job that nobody has asked for: the digests of layers that were sealed.
    void hash_layers();
    // False: it is no job of these.
    bool cancel(uint32_t job);
    // Removes what work of a holmd that has died, or work that was killed, has left, and what an image had that was replaced; and hashes
    // what nobody has. What is killed of that is done again.
    void clean_up();

private:
    void work(uint32_t id, kernel::Message request, systemd::Callback then = {});
    void cleaned(const Result<kernel::Message>& done);
    systemd::Loop& loop_;
    Jobs& jobs_;
    std::map<uint32_t, std::unique_ptr<StoreProcess>> running_;  // by job
    std::list<std::unique_ptr<StoreProcess>> asked_;
    std::unique_ptr<StoreProcess> cleaner_;
    bool clean_again_ = false;      // it was asked for while the cleaner worked
    unsigned cleaners_killed_ = 0;  // one after the other
    systemd::Source clean_later_;
};

}  // namespace holm::daemon
