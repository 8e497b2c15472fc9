// holm-setup: the short-lived child of a supervisor that boots a machine's payload, or with --exec starts a command in a running one.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string_view>

#include "base/log.h"
#include "launch/channel.h"
#include "setup/exec.h"
#include "setup/outside.h"
#include "setup/program.h"
#include "setup/status.h"

using namespace holm;

namespace {

enum class Task { Boot, Exec };

bool has_supervisor()
{
    int type;
    socklen_t size = sizeof type;
    return !::getsockopt(launch::channel::status_descriptor, SOL_SOCKET, SO_TYPE, &type, &size) && type == SOCK_SEQPACKET;
}

Result<> run(Task task, char** arguments, setup::Status& status)
{
    status.enter("program");
    TRY(setup::open_standard_descriptors());
    TRY(setup::protect_program(arguments));
    ::fcntl(status.socket(), F_SETFD, FD_CLOEXEC);
    setup::reset_process();
    switch (task) {
    case Task::Boot: return setup::boot(status);
    case Task::Exec: return setup::exec_in_machine(status);
    }
    return {};
}

}  // namespace

int main(int count, char** arguments)
{
    bool exec = count == 2 && std::string_view(arguments[1]) == "--exec";
    if ((count != 1 && !exec) || !has_supervisor()) {
        log_error("holm-setup [--exec] is run by holm-supervisor, with a socket as descriptor 3");
        return 2;
    }
    setup::Status status(launch::channel::status_descriptor);
    auto done = run(exec ? Task::Exec : Task::Boot, arguments, status);
    if (!done) status.fail(done.error());
    return done ? 0 : 1;
}
