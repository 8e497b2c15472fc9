// Signals: those that end a program, caught so that a session can hand them on. Effects; outside.
#pragma once

#include <signal.h>

#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace holm::cli {

// From here on the signals wait to be read: SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 and SIGWINCH, and from add_quit on
// SIGQUIT, which is the way out as long as there is no session. What the caller has set to be ignored (nohup) stays ignored.
class CaughtSignals {
public:
    static Result<CaughtSignals> open();
    CaughtSignals(CaughtSignals&&) = default;
    CaughtSignals& operator=(CaughtSignals&&) = delete;
    ~CaughtSignals();

    Result<> add_quit();
    int fd() const { return fd_.get(); }
    std::vector<int> take() const;  // all that have come

private:
    CaughtSignals() = default;
    Result<> set(const sigset_t& mask);
    Fd fd_;
    sigset_t caught_{};
    sigset_t before_{};
};

}  // namespace holm::cli
