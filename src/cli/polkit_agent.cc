#include "cli/polkit_agent.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "base/fd.h"

namespace holm::cli {

namespace {

constexpr const char* program = "/usr/bin/pkttyagent";
constexpr int registration_timeout = 5000;  // ms

[[noreturn]] void become_agent(int ready)
{
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::fcntl(ready, F_SETFD, 0);
    const std::string number = std::to_string(ready);
    ::execl(program, program, "--notify-fd", number.c_str(), "--fallback", nullptr);
    ::_exit(127);
}

}  // namespace

PolkitAgent PolkitAgent::start()
{
    PolkitAgent agent;
    if (::geteuid() == 0 || ::isatty(STDIN_FILENO) != 1 || ::access(program, X_OK) != 0) return agent;
    auto pipe = make_pipe();
    if (!pipe) return agent;
    agent.pid_ = ::fork();
    if (agent.pid_ == 0) become_agent(pipe->second.get());
    pipe->second.reset();
    pollfd registered{pipe->first.get(), POLLIN, 0};  // it closes the pipe when polkit knows it
    static_cast<void>(::poll(&registered, 1, registration_timeout));
    return agent;
}

PolkitAgent::~PolkitAgent()
{
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
}

}  // namespace holm::cli
