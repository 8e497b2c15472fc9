// holm-supervisor: the main process of a machine's unit, one a machine, from first to last.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string_view>
#include <vector>

#include "base/log.h"
#include "kernel/process.h"
#include "kernel/signal.h"
#include "supervisor/spawn.h"
#include "supervisor/supervisor.h"

using namespace holm;
using namespace holm::supervisor;

namespace {

// A scope's supervisor keeps nothing of holmd's: its standard error is the journal of holmd.service.
Result<> take_standard_descriptors(Mode mode)
{
    Fd null = TRY(open_file("/dev/null", O_RDWR));
    for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if ((mode == Mode::Scope || ::fcntl(fd, F_GETFD) < 0) && ::dup2(null.get(), fd) < 0)
            return sys_error("cannot set descriptor {}", fd);
    if (null.get() <= STDERR_FILENO) ::fcntl(null.release(), F_SETFD, 0);
    return {};
}

// Everything that a process inherits and that matters is set here, as holmd and its sandbox may be of any kind.
Result<> set_start_state(const Options& options)
{
    TRY(kernel::close_descriptors_but({options.channel}));
    if (options.channel >= 0 && ::fcntl(options.channel, F_SETFD, FD_CLOEXEC))
        return sys_error("--channel={} is no descriptor", options.channel);
    TRY(take_standard_descriptors(options.mode));
    if (options.mode == Mode::Scope) ::setsid();
    if (::chdir("/") || ::prctl(PR_SET_DUMPABLE, 0)) return sys_error("cannot set the state of the process");
    ::umask(022);
    ::clearenv();
    ::setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    raise_descriptor_limit();
    return {};
}

Result<int> supervise(const Options& options)
{
    const char* socket = options.mode == Mode::Service ? ::getenv("NOTIFY_SOCKET") : nullptr;
    Manager manager(socket ? socket : "");
    TRY(set_start_state(options));
    Fd signals = TRY(kernel::open_signals());
    auto loop = TRY(kernel::open_event_loop());
    return Supervisor(*loop, options, std::move(manager)).run(std::move(signals));
}

}  // namespace

int main(int argc, char** argv)
{
    std::vector<std::string_view> arguments(argv + (argc > 0), argv + argc);
    auto options = parse_options(arguments);
    if (!options) {
        log_error("{}", options.error().text);
        return 2;
    }
    auto code = supervise(*options);
    if (code) return *code;
    log_error("{}", code.error().text);
    return 1;
}
