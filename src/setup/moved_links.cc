#include "setup/moved_links.h"

#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "api/names.h"
#include "base/fd.h"
#include "kernel/message.h"
#include "kernel/process.h"
#include "network/apply_physical.h"

namespace holm::setup {

namespace {

constexpr int deadline = 30'000;  // milliseconds: a driver may take its time to bring a device down

Result<> move_in_host(const MovedLinks& links)
{
    if (::setns(links.mounts, CLONE_NEWNS)) return sys_error("cannot enter the host's mount namespace");
    return network::move_in(links.plan, api::links_path(links.machine), links.pid);
}

}  // namespace

Result<> move_links_in(const MovedLinks& links)
{
    Pair sockets = TRY(make_socket_pair());
    const kernel::Child child = TRY(kernel::clone_process(0));
    if (child.pid == 0) {
        auto moved = move_in_host(links);
        auto said = kernel::send_message(sockets.second.get(), moved ? kernel::Message("ok") : kernel::error_message(moved.error()));
        ::_exit(said ? 0 : 1);
    }
    sockets.second.reset();
    auto answer = kernel::receive_message(sockets.first.get(), deadline);
    if (!answer) TRY(kernel::signal_process(child.pidfd.get(), SIGKILL));
    TRY(kernel::wait_exit(child.pidfd.get()));
    const kernel::Message message = TRY(std::move(answer), "moving the links of the host");
    return message.kind == "ok" ? Result<>() : kernel::error_of(message);
}

}  // namespace holm::setup
