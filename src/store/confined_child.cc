#include "store/confined_child.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <csignal>

#include <algorithm>
#include <new>
#include <string>

#include "image/confine.h"
#include "kernel/process.h"

namespace holm::store {

namespace {

constexpr uint64_t reserve = 64 << 20;  // bytes that an import leaves free
constexpr uint64_t most_entries = 4'000'000;

Result<kernel::Message> work_in_folder(int socket, const std::string& folder, const ConfinedWork& work)
{
    TRY(image::confine_to(folder));
    return work([&](uint64_t bytes) {
        static_cast<void>(kernel::send_message(socket, kernel::Message("progress").add("bytes", static_cast<int64_t>(bytes))));
    });
}

[[noreturn]] void run_child(pid_t parent, int socket, const std::string& folder, std::vector<int> kept, const ConfinedWork& work)
{
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);  // it died before that was set
    kept.push_back(socket);
    Result<kernel::Message> result = error(Errc::Failed, "there is no memory left to read it");
    try {
        auto closed = kernel::close_descriptors_but(std::move(kept));
        result = closed ? work_in_folder(socket, folder, work) : Result<kernel::Message>(closed.error());
    } catch (const std::bad_alloc&) {
    }
    if (!result) result = kernel::error_message(result.error());
    static_cast<void>(kernel::send_message(socket, *result));
    ::_exit(0);
}

// Until the child has its result, or holmd hangs up.
Result<kernel::Message> listen(const Job& job, int socket, uint64_t total)
{
    for (;;) {
        pollfd lines[2] = {{.fd = socket, .events = POLLIN, .revents = 0}, {.fd = job.socket(), .events = POLLRDHUP, .revents = 0}};
        if (::poll(lines, 2, -1) < 0 && errno != EINTR) return sys_error("cannot wait for the process that reads it");
        if (lines[1].revents) TRY(job.go_on());
        if (!lines[0].revents) continue;
        kernel::Packet packet = TRY(kernel::receive_packet(socket));
        auto* message = std::get_if<kernel::Message>(&packet);
        if (!message) return error(Errc::Failed, "the process that read it has ended without a word");
        if (message->kind == "error") return kernel::error_of(*message);
        if (message->kind == "ok") return std::move(*message);
        job.progress(static_cast<uint64_t>(message->get_number("bytes").value_or(0)), total);
    }
}

}  // namespace

Result<Limits> observe_limits(int folder)
{
    struct statvfs status;
    if (::fstatvfs(folder, &status)) return sys_error("cannot look at the file system of the image store");
    const uint64_t free = uint64_t{status.f_bavail} * status.f_frsize;
    Limits limits{.bytes = free > reserve ? free - reserve : 0, .entries = most_entries};
    if (status.f_files) limits.entries = std::min<uint64_t>(limits.entries, status.f_favail);
    return limits;
}

Result<kernel::Message> work_confined(const Job& job, const Incoming& incoming, std::vector<int> kept, uint64_t total,
                                      const ConfinedWork& work)
{
    Pair sockets = TRY(make_socket_pair());
    const pid_t own = ::getpid();
    kernel::Child child = TRY(kernel::clone_process(image::confined_namespaces));
    if (child.pid == 0) run_child(own, sockets.second.get(), incoming.tree_path(), std::move(kept), work);
    sockets.second.reset();
    auto done = listen(job, sockets.first.get(), total);
    static_cast<void>(kernel::signal_process(child.pidfd.get(), SIGKILL));  // its folder may be removed now
    static_cast<void>(kernel::wait_exit(child.pidfd.get()));
    return done;
}

}  // namespace holm::store
