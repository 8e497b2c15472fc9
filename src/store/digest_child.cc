#include "store/digest_child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <csignal>

#include <new>

#include "image/layer_digest.h"

namespace holm::store {

namespace {

constexpr int pipe_size = 1 << 20;  // names of some 20 000 files

Result<kernel::Message> digest(int tree, int names)
{
    image::HashedFiles known;
    known.follow(tree, names);
    const image::Summary summary = TRY(image::digest_layer(tree, [](uint64_t) { return Result<>(); }, known));
    kernel::Message done("ok");
    done.add("hex", summary.hex).add("size", static_cast<int64_t>(summary.size)).add("entries", static_cast<int64_t>(summary.entries));
    return done;
}

// Neither child has the lock of the folder: it may be at its work for a while yet when its parent has been killed.
void enter_child(pid_t parent, std::vector<int> kept)
{
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent || !kernel::close_descriptors_but(std::move(kept))) ::_exit(1);
}

[[noreturn]] void run_digest(pid_t parent, int tree, int names, int answer)
{
    enter_child(parent, {tree, names, answer});
    Result<kernel::Message> done = error(Errc::Failed, "there is no memory left to hash the layer");
    try {
        done = digest(tree, names);
    } catch (const std::bad_alloc&) {
    }
    if (!done) done = kernel::error_message(done.error());
    static_cast<void>(kernel::send_message(answer, *done));
    ::_exit(0);
}

Result<kernel::Child> start_sync(const Incoming& incoming)
{
    const pid_t own = ::getpid();
    kernel::Child child = TRY(kernel::clone_process(0));
    if (child.pid) return child;
    enter_child(own, {incoming.tree()});
    ::_exit(::syncfs(incoming.tree()) ? 1 : 0);
}

void end(const kernel::Child& child)
{
    if (!child.pidfd) return;
    static_cast<void>(kernel::signal_process(child.pidfd.get(), SIGKILL));
    static_cast<void>(kernel::wait_exit(child.pidfd.get()));
}

}  // namespace

Result<DigestChild> DigestChild::start(const Incoming& incoming)
{
    DigestChild made;
    Pair pipe = TRY(make_pipe()), sockets = TRY(make_socket_pair());
    ::fcntl(pipe.second.get(), F_SETPIPE_SZ, pipe_size);  // a smaller one does as well
    if (::fcntl(pipe.second.get(), F_SETFL, O_WRONLY | O_NONBLOCK)) return sys_error("cannot set up a pipe");
    const pid_t own = ::getpid();
    made.child_ = TRY(kernel::clone_process(0));
    if (made.child_.pid == 0) run_digest(own, incoming.tree(), pipe.first.get(), sockets.second.get());
    made.names_ = std::move(pipe.second);
    made.answer_ = std::move(sockets.first);
    return made;
}

// Its folder may be removed then.
DigestChild::~DigestChild()
{
    end(child_);
}

Result<kernel::Message> DigestChild::listen(const Job& job) const
{
    for (;;) {
        pollfd lines[2] = {{.fd = answer_.get(), .events = POLLIN, .revents = 0}, {.fd = job.socket(), .events = POLLRDHUP, .revents = 0}};
        if (::poll(lines, 2, -1) < 0 && errno != EINTR) return sys_error("cannot wait for the digest of the layer");
        if (lines[1].revents) TRY(job.go_on());
        if (!lines[0].revents) continue;
        kernel::Message answer = TRY(kernel::receive_message(answer_.get()), "the digest of the layer");
        if (answer.kind == "error") return kernel::error_of(answer);
        return answer;
    }
}

Result<NewLayer> DigestChild::finish(const Job& job, const Incoming& incoming)
{
    names_.reset();
    const kernel::Child sync = TRY(start_sync(incoming));
    auto digest = listen(job);
    if (!digest) {
        end(sync);
        return digest.error();
    }
    const kernel::Exit synced = TRY(kernel::wait_exit(sync.pidfd.get()));
    if (synced.by_signal || synced.value) return error(Errc::Failed, "the new layer cannot be written to disk");
    NewLayer layer{.id = std::string(digest->get("hex"))};
    auto number = [&](const char* key) { return static_cast<uint64_t>(digest->get_number(key).value_or(0)); };
    layer.info = {.digest = "sha256:" + layer.id, .size = number("size"), .entries = number("entries")};
    return layer;
}

}  // namespace holm::store
