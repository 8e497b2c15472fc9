// Job: what holmd has asked the store's process to do, and the line over which it hears of it. Effects: sends and receives.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "kernel/message.h"

namespace holm::store {

// The socket to holmd.
inline constexpr int job_descriptor = 3;

class Job {
public:
    Job(int socket, kernel::Message request) : socket_(socket), request_(std::move(request)) {}
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;

    const kernel::Message& request() const { return request_; }
    // The descriptor that came with the request. Errors: Invalid, where there is none.
    Result<int> input() const;
    int socket() const { return socket_; }

    // It goes on after its answer, whether anybody listens or not.
    void go_on_alone() { alone_ = true; }

    // Tells how far it is: of `total` bytes, where that is known.
    void progress(uint64_t bytes, uint64_t total = 0) const;
    // Errors: Busy, where holmd has hung up: the job was cancelled, or nobody is left who wants it.
    Result<> go_on() const;

private:
    int socket_;
    bool alone_ = false;
    kernel::Message request_;
};

}  // namespace holm::store
