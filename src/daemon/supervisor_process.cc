#include "daemon/supervisor_process.h"

#include <fcntl.h>

#include "api/names.h"
#include "daemon/spawn.h"
#include "kernel/process.h"
#include "launch/channel.h"

namespace holm::daemon {

Result<SupervisorProcess> spawn_supervisor(const machine::MachineName& name)
{
    Pair channel = TRY(make_socket_pair());
    if (::fcntl(channel.first.get(), F_SETFL, O_RDWR | O_NONBLOCK)) return sys_error("cannot set up a control channel");
    const pid_t pid = TRY(spawn_program(
        fmt::format("{}/holm-supervisor", api::program_folder),
        {"--machine=" + name.text(), "--plan=" + api::plan_path(name), fmt::format("--channel={}", launch::channel::control_descriptor)},
        channel.second.get()));
    // It blocks until "go", so it is there; one that could not even begin shows up here.
    Fd process = TRY(kernel::open_process(pid), "the supervisor ended at once");
    return SupervisorProcess{pid, std::move(process), std::move(channel.first)};
}

}  // namespace holm::daemon
