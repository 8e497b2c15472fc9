// Worker: a child of holmd for what may block (a dead file system) or may take long. It has a deadline, reports over a socket,
// and dies with holmd. Effects: makes a process.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "kernel/message.h"
#include "systemd/loop.h"

namespace holm::daemon {

// How long a worker may take in all, or between two words of it.
struct Deadline {
    enum class From { Start, LastWord };
    constexpr Deadline(std::chrono::seconds time_, From from_ = From::Start) : time(time_), from(from_) {}
    std::chrono::seconds time;
    From from;
};

// The error of a process that was killed: it has left its work behind.
inline bool ended_without_a_word(const Error& error)
{
    return error.code == Errc::Failed && error.text.contains("without a word");
}

// The kind of an answer after which nothing is left to do.
inline constexpr const char* nothing_left = "whole";

inline constexpr std::chrono::seconds removal_deadline{600};  // a large upper takes its time

class Worker {
public:
    // In the child: tells which path is about to be touched, so that holmd can name the one that hangs.
    using LookingAt = std::function<void(std::string_view path)>;
    using Job = std::function<Result<kernel::Message>(const LookingAt&)>;
    using Finished = std::move_only_function<void(Result<kernel::Message>)>;

    // Runs `job` in a child and calls `finished` once, from the loop: with what the job gave, with why there is no child, or with
    // Timeout after `deadline`, when the child is killed. `what` names the work in that error. Of holmd's descriptors the child has
    // those of `keep` alone. Destroyed, nobody is called.
    static std::unique_ptr<Worker> start(systemd::Loop& loop, std::string what, Deadline deadline, const Job& job, Finished finished,
                                         std::vector<int> keep = {});
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker();
    // Kills the child; `finished` is called all the same, as with one that somebody else has killed, or with the answer that it has given.
    void kill();

private:
    Worker(systemd::Loop& loop, std::string what, Deadline deadline, Finished finished)
        : loop_(loop), what_(std::move(what)), patience_(deadline), finished_(std::move(finished))
    {
    }
    Result<> begin(const Job& job, std::vector<int> keep);
    Result<> set_deadline();
    void receive();
    void expire();
    void finish(Result<kernel::Message> result);

    systemd::Loop& loop_;
    std::string what_, looking_at_;
    Deadline patience_;
    Finished finished_;
    Fd socket_, process_;
    systemd::Source readable_, deadline_;
};

}  // namespace holm::daemon
