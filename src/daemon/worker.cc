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
[[noreturn]] void work(pid_t holmd, int socket, const Worker::Job& job, std::vector<int> keep)
{
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != holmd) ::_exit(1);  // it died before that was set
    kernel::reset_signals();
    Result<kernel::Message> result = error(Errc::Failed, "nothing was done");
    keep.push_back(socket);
    if (auto closed = kernel::close_descriptors_but(std::move(keep)); !closed) result = closed.error();
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

std::unique_ptr<Worker> Worker::start(systemd::Loop& loop, std::string what, Deadline deadline, const Job& job, Finished finished,
                                      std::vector<int> keep)
{
    std::unique_ptr<Worker> worker(new Worker(loop, std::move(what), deadline, std::move(finished)));
    auto begun = worker->begin(job, std::move(keep));
    if (begun) return worker;
    auto failing = loop.defer([self = worker.get(), why = with_context(begun.error(), worker->what_)] { self->finish(why); });
    if (failing) worker->deadline_ = std::move(*failing);
    return worker;
}

Result<> Worker::begin(const Job& job, std::vector<int> keep)
{
    Pair sockets = TRY(make_socket_pair());
    const pid_t holmd = ::getpid();
    kernel::Child child = TRY(kernel::clone_process(0));
    if (child.pid == 0) work(holmd, sockets.second.get(), job, std::move(keep));
    process_ = std::move(child.pidfd);
    socket_ = std::move(sockets.first);
    if (::fcntl(socket_.get(), F_SETFL, O_RDWR | O_NONBLOCK)) return sys_error("cannot set up a socket");
    readable_ = TRY(loop_.watch_io(socket_.get(), EPOLLIN, [this](uint32_t) { receive(); }));
    return set_deadline();
}

Result<> Worker::set_deadline()
{
    deadline_ = TRY(loop_.after(patience_.time, [this] { expire(); }));
    return {};
}

// The child is reaped by the kernel: holmd's SIGCHLD has SA_NOCLDWAIT.
Worker::~Worker()
{
    kill();
}

void Worker::kill()
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
        if (message->kind == "looking") {
            looking_at_ = message->get("at");
            if (patience_.from == Deadline::From::LastWord)
                if (auto set = set_deadline(); !set) return finish(set.error());
        } else if (message->kind == "error") return finish(kernel::error_of(*message));
        else return finish(std::move(*message));
    }
}

void Worker::expire()
{
    const auto seconds = patience_.time.count();
    const char* took = patience_.from == Deadline::From::LastWord ? "has come no further for" : "took longer than";
    if (looking_at_.empty()) return finish(error(Errc::Timeout, "{} {} {} s", what_, took, seconds));
    finish(error(Errc::Timeout, "{} {} {} s; last it looked at '{}': does it answer?", what_, took, seconds, looking_at_));
}

// The callback may destroy this worker.
void Worker::finish(Result<kernel::Message> result)
{
    readable_.reset();
    deadline_.reset();
    if (auto callback = std::exchange(finished_, nullptr)) callback(std::move(result));
}

}  // namespace holm::daemon
