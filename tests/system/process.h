// Process: a program started as a person at a shell would, with pipes or with a terminal of its own, and what came of it.
// Applies.
#pragma once

#include <chrono>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/fd.h"

namespace holm::test {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

// What came of a program. Printed whole by a failing assertion (cut where it is long).
struct Outcome {
    int code = -1;  // exit status; 128 + N for signal N; -1 when it was still running at the deadline and had to be killed
    std::string out, err;
};
void PrintTo(const Outcome& outcome, std::ostream* stream);

enum class Stdio { Pipes, Terminal };

struct Start {
    Stdio stdio = Stdio::Pipes;
    unsigned short rows = 24, columns = 80;  // Terminal only
    std::vector<std::string> environment;    // "K=V", besides the test's own
};

class Process {
public:
    explicit Process(std::vector<std::string> argv, Start start = {});
    ~Process();  // kills what still runs
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    pid_t pid() const { return pid_; }
    void write(std::string_view bytes);  // queued; sent while expect() and wait() run
    void close_input();                  // once all that was queued is sent
    void resize(unsigned short rows, unsigned short columns);
    void signal(int number);
    bool ended();

    // Whether `text` comes on standard output (the terminal), counted from the end of the last text that was expected.
    bool expect(std::string_view text, milliseconds timeout = 20s);
    // Whether at least `size` bytes have come in all.
    bool expect_bytes(size_t size, milliseconds timeout = 60s);
    const std::string& out() const { return outcome_.out; }
    const std::string& err() const { return outcome_.err; }

    // Ends the input and waits for the end of the program.
    Outcome wait(milliseconds timeout = 60s);

private:
    void spawn(std::vector<std::string>& argv, const Start& start);
    bool pump(milliseconds timeout);
    void feed();
    void reap();

    pid_t pid_ = -1;
    Fd pidfd_, in_, out_, err_;
    bool terminal_ = false, end_input_ = false;
    std::string queue_;
    size_t sent_ = 0, expected_ = 0;
    Outcome outcome_;
    bool reaped_ = false;
};

// Runs a program with pipes to its end.
Outcome run(std::vector<std::string> argv, std::string_view input = {}, milliseconds timeout = 60s);
// The same of a script for bash, with pipefail.
Outcome sh(const std::string& script, milliseconds timeout = 60s);
Outcome holmctl(std::vector<std::string> arguments, std::string_view input = {}, milliseconds timeout = 60s);

// Polls every 20 ms until `condition` holds. Returns whether it came to hold.
template <typename Condition>
bool eventually(Condition condition, milliseconds timeout = 10s);
void sleep_for(milliseconds time);

template <typename Condition>
bool eventually(Condition condition, milliseconds timeout)
{
    auto deadline = std::chrono::steady_clock::now() + timeout;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        sleep_for(20ms);
    }
    return true;
}

}  // namespace holm::test
