// A supervisor without a daemon and without a machine: the test is its holmd, fake_setup its holm-setup.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/fd.h"
#include "kernel/message.h"
#include "kernel/process.h"

namespace holm::test {

using Fields = std::map<std::string, std::string>;

// The test's end of a session.
class Session {
public:
    Session();
    Session(Session&&) = default;
    Session& operator=(Session&&) = default;
    Fd take_other();  // the end to be sent away
    int socket() const { return socket_.get(); }

    void type(std::string_view bytes);
    void say(const kernel::Message& message);
    // The next packet; the console's bytes go to `output`. Fails the test after 20 s.
    kernel::Packet receive();
    // Up to a message of this kind, or the end of the stream (kind "end").
    kernel::Message wait_for(std::string_view kind);
    // Up to this text in the output.
    void wait_for_output(std::string_view text);

    std::string output;
    std::vector<std::string> kinds;  // of the messages so far
    int64_t lost = 0;

private:
    Fd socket_, other_;
};

enum class Streams { Terminal, Pipes };

class Supervised {
public:
    // Spawns the supervisor of a scope, in a cgroup of its own, and says "go". `plan` is fake_setup's.
    explicit Supervised(const Fields& plan, Streams streams = Streams::Terminal);
    Supervised(const Supervised&) = delete;
    ~Supervised();

    // Subscribed: up to this state. The fields of it.
    kernel::Message wait_for_state(std::string_view state, const Fields& fields = {});
    // A request over a connection of its own. `fds` are borrowed.
    kernel::Message ask(kernel::Message request, std::initializer_list<int> fds = {});
    // The exit code of the supervisor; the file `result` is read before the folder goes.
    int wait_exit();
    Fields result() const;
    // Names of the folders in payload/ that are an exec's.
    std::vector<std::string> exec_folders() const;
    bool has_exec_folders() const { return !exec_folders().empty(); }

    const kernel::Child& process() const { return process_; }
    Session session;
    Fd input, output;  // of Pipes: the other ends of the payload's

private:
    std::string plan_path_, cgroup_name_;
    Fd channel_;
    kernel::Child process_;
};

// Waits until it is so, for at most 10 s.
template <typename Condition>
bool soon(Condition condition)
{
    for (int i = 0; i < 1000; ++i) {
        if (condition()) return true;
        ::usleep(10'000);
    }
    return false;
}

std::string notify_path();  // where fake_setup may bind its socket

}  // namespace holm::test
