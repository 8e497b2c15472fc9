#include "daemon/worker.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <csignal>

#include "base/text.h"
#include "kernel/process.h"

namespace holm::daemon {

namespace {

// In the child. It has copies of holmd's descriptors (clients', the bus): none may live on in it, whatever the job hangs on.
[[noreturn]] void work(int socket, const Worker::Job& job)
{
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    kernel::reset_signals();
    Result<kernel::Message> result = error(Errc::Failed, "nothing was done");
    if (auto closed = kernel::close_descriptors_but({socket}); !closed) result = closed.error();
    else
        result = job([socket](std::string_view path) {
            kernel::Message progress("looking");
            progress.add("at", printable(path, 4096));
            static_cast<void>(kernel::send_message(socket, progress));
        });
    if (!result) result = kernel::error_message(result.error());
    static_cast<void>(kernel::send_message(socket, *result));
    ::_exit(0);
}

}  // namespace

std::unique_ptr<Worker> Worker::start(systemd::Loop& loop, std::string what, std::chrono::seconds deadline, const Job& job,
                                      Finished finished)
{
    std::unique_ptr<Worker> worker(new Worker(std::move(what), std::move(finished)));
    auto begun = worker->begin(loop, deadline, job);
    if (begun) return worker;
    auto failing = loop.defer([self = worker.get(), why = with_context(begun.error(), worker->what_)] { self->finish(why); });
    if (failing) worker->deadline_ = std::move(*failing);
    return worker;
}

Result<> Worker::begin(systemd::Loop& loop, std::chrono::seconds deadline, const Job& job)
{
    Pair sockets = TRY(make_socket_pair());
    kernel::Child child = TRY(kernel::clone_process(0));
    if (child.pid == 0) work(sockets.second.get(), job);
    process_ = std::move(child.pidfd);
    socket_ = std::move(sockets.first);
    if (::fcntl(socket_.get(), F_SETFL, O_RDWR | O_NONBLOCK)) return sys_error("cannot set up a socket");
    readable_ = TRY(loop.watch_io(socket_.get(), EPOLLIN, [this](uint32_t) { receive(); }));
    deadline_ = TRY(loop.after(deadline, [this, deadline] { expire(deadline); }));
    return {};
}

// The child is reaped by the kernel: holmd's SIGCHLD has SA_NOCLDWAIT.
Worker::~Worker()
{
    if (process_) static_cast<void>(kernel::signal_process(process_.get(), SIGKILL));
}

void Worker::receive()
{
    for (;;) {
        auto packet = kernel::receive_packet(socket_.get());
        if (!packet && packet.error().code == Errc::Busy) return;
        if (!packet) return finish(packet.error());
        auto* message = std::get_if<kernel::Message>(&*packet);
        if (!message) return finish(error(Errc::Failed, "{}: the process that did it ended without a word", what_));
        if (message->kind == "looking") looking_at_ = message->get("at");
        else if (message->kind == "error") return finish(kernel::error_of(*message));
        else return finish(std::move(*message));
    }
}

void Worker::expire(std::chrono::seconds deadline)
{
    if (looking_at_.empty()) return finish(error(Errc::Timeout, "{} took longer than {} s", what_, deadline.count()));
    finish(error(Errc::Timeout, "{} took longer than {} s; last it looked at '{}': does it answer?", what_, deadline.count(), looking_at_));
}

// The callback may destroy this worker.
void Worker::finish(Result<kernel::Message> result)
{
    readable_.reset();
    deadline_.reset();
    if (auto callback = std::exchange(finished_, nullptr)) callback(std::move(result));
}

}  // namespace holm::daemon
