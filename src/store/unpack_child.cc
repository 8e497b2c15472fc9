#include "store/unpack_child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <csignal>

#include <algorithm>
#include <new>

#include "image/confine.h"
#include "image/later.h"
#include "kernel/process.h"

namespace holm::store {

namespace {

constexpr uint64_t reserve = 64 << 20;  // bytes that an import leaves free
constexpr uint64_t most_entries = 4'000'000;

struct Limits {
    uint64_t bytes = 0, entries = 0;
};

Result<Limits> observe_limits(int folder)
{
    struct statvfs status;
    if (::fstatvfs(folder, &status)) return sys_error("cannot look at the file system of the image store");
    const uint64_t free = uint64_t{status.f_bavail} * status.f_frsize;
    Limits limits{.bytes = free > reserve ? free - reserve : 0, .entries = most_entries};
    if (status.f_files) limits.entries = std::min<uint64_t>(limits.entries, status.f_favail);
    return limits;
}

struct Work {
    int archive, later, socket;
    std::string tree;
    image::Whiteouts whiteouts;
    Limits limits;
};

// In the child, confined.
Result<kernel::Message> unpack(const Work& work)
{
    // None of those that are left is a folder, which would lead out.
    TRY(kernel::close_descriptors_but({work.archive, work.later, work.socket}));
    TRY(image::confine_to(work.tree));
    Fd root = TRY(open_file("/", O_RDONLY | O_DIRECTORY));
    image::UnpackInput input{
        .archive = work.archive,
        .root = root.get(),
        .later = work.later,
        .whiteouts = work.whiteouts,
        .most_bytes = work.limits.bytes,
        .most_entries = work.limits.entries,
        .progress = [&](uint64_t bytes) {
            static_cast<void>(kernel::send_message(work.socket, kernel::Message("progress").add("bytes", static_cast<int64_t>(bytes))));
        }};
    const image::Unpacked unpacked = TRY(image::unpack_tar(input));
    TRY(image::set_folder_times(root.get(), work.later));
    kernel::Message done("ok");
    done.add("size", static_cast<int64_t>(unpacked.size)).add("entries", static_cast<int64_t>(unpacked.entries));
    done.add("devices", static_cast<int64_t>(unpacked.devices)).add("attributes", static_cast<int64_t>(unpacked.attributes));
    done.add("compression", unpacked.compression).add("input", unpacked.input_digest).add("tar", unpacked.tar_digest);
    return done;
}

[[noreturn]] void run_child(const Work& work)
{
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    Result<kernel::Message> result = error(Errc::Failed, "there is no memory left to read the archive");
    try {
        result = unpack(work);
    } catch (const std::bad_alloc&) {
    }
    if (!result) result = kernel::error_message(result.error());
    static_cast<void>(kernel::send_message(work.socket, *result));
    ::_exit(0);
}

image::Unpacked unpacked_of(const kernel::Message& message)
{
    auto number = [&](const char* key) { return static_cast<uint64_t>(message.get_number(key).value_or(0)); };
    return {.size = number("size"),
            .entries = number("entries"),
            .devices = number("devices"),
            .attributes = number("attributes"),
            .compression = std::string(message.get("compression")),
            .input_digest = std::string(message.get("input")),
            .tar_digest = std::string(message.get("tar"))};
}

// Until the child has its result, or holmd hangs up.
Result<image::Unpacked> listen(const Job& job, int socket, uint64_t total)
{
    for (;;) {
        pollfd lines[2] = {{.fd = socket, .events = POLLIN, .revents = 0}, {.fd = job.socket(), .events = POLLRDHUP, .revents = 0}};
        if (::poll(lines, 2, -1) < 0 && errno != EINTR) return sys_error("cannot wait for the archive");
        if (lines[1].revents) TRY(job.go_on());
        if (!lines[0].revents) continue;
        kernel::Packet packet = TRY(kernel::receive_packet(socket));
        const auto* message = std::get_if<kernel::Message>(&packet);
        if (!message) return error(Errc::Failed, "the process that read the archive has ended without a word");
        if (message->kind == "error") return kernel::error_of(*message);
        if (message->kind == "ok") return unpacked_of(*message);
        job.progress(static_cast<uint64_t>(message->get_number("bytes").value_or(0)), total);
    }
}

}  // namespace

Result<image::Unpacked> unpack_confined(const Job& job, const Incoming& incoming, int archive, image::Whiteouts whiteouts)
{
    struct stat status;
    if (::fstat(archive, &status)) return sys_error("cannot look at the archive");
    if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode) && !S_ISSOCK(status.st_mode))
        return error(Errc::Invalid, "the archive is neither a file nor a pipe");
    Fd later = TRY(incoming.make_file());
    Pair sockets = TRY(make_socket_pair());
    const Limits limits = TRY(observe_limits(incoming.tree()));
    kernel::Child child = TRY(kernel::clone_process(image::confined_namespaces));
    if (child.pid == 0)
        run_child({.archive = archive,
                   .later = later.get(),
                   .socket = sockets.second.get(),
                   .tree = incoming.tree_path(),
                   .whiteouts = whiteouts,
                   .limits = limits});
    sockets.second.reset();
    auto unpacked = listen(job, sockets.first.get(), S_ISREG(status.st_mode) ? static_cast<uint64_t>(status.st_size) : 0);
    static_cast<void>(kernel::signal_process(child.pidfd.get(), SIGKILL));  // its folder is removed now
    static_cast<void>(kernel::wait_exit(child.pidfd.get()));
    if (!unpacked) return unpacked.error();
    TRY(image::mark_opaque(incoming.tree(), later.get()));
    return *unpacked;
}

}  // namespace holm::store
