// Releases: takes back what machines that have ended had claimed, in children of holmd: of many that end together in one, since to make a
// process costs more than what it does. Effects: makes processes.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "base/error.h"
#include "daemon/planner.h"
#include "daemon/worker.h"
#include "systemd/loop.h"

namespace holm::daemon {

class Releases {
public:
    using Released = std::move_only_function<void(Result<>)>;

    explicit Releases(systemd::Loop& loop) : loop_(loop) {}
    Releases(const Releases&) = delete;
    Releases& operator=(const Releases&) = delete;

    // release() of planner.h; `released` is called once, from the loop. What may take long, like a large upper, has a child of its own.
    void begin(const Ended& machine, Released released);

private:
    struct Waiting {
        Ended machine;
        Released released;
    };
    struct Batch {
        std::vector<Waiting> machines;
        std::unique_ptr<Worker> worker;
    };
    void start_next();
    void start(std::vector<Waiting> machines);
    void finish(std::list<Batch>::iterator batch, const Result<kernel::Message>& done);

    systemd::Loop& loop_;
    std::vector<Waiting> waiting_;  // for the batch before them, or for more of their kind
    std::list<Batch> batches_;
    const Batch* quick_ = nullptr;  // that of what is short, one at a time
    systemd::Source starting_;
};

}  // namespace holm::daemon
