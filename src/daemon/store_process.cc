#include "daemon/store_process.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "api/names.h"
#include "daemon/spawn.h"

namespace holm::daemon {

std::unique_ptr<StoreProcess> StoreProcess::start(systemd::Loop& loop, kernel::Message request, Listener listener)
{
    std::unique_ptr<StoreProcess> process(new StoreProcess(std::move(listener)));
    if (auto begun = process->begin(loop, request); !begun) {
        auto failing = loop.defer([self = process.get(), why = begun.error()] { self->finish(why); });
        if (failing) process->readable_ = std::move(*failing);
    }
    return process;
}

Result<> StoreProcess::begin(systemd::Loop& loop, const kernel::Message& request)
{
    Pair sockets = TRY(make_socket_pair());
    TRY(spawn_program(fmt::format("{}/holm-store", api::program_folder), {}, sockets.second.get()));
    TRY(kernel::send_message(sockets.first.get(), request));
    if (::fcntl(sockets.first.get(), F_SETFL, O_RDWR | O_NONBLOCK)) return sys_error("cannot set up a channel");
    socket_ = std::move(sockets.first);
    readable_ = TRY(loop.watch_io(socket_.get(), EPOLLIN, [this](uint32_t) { receive(); }));
    return {};
}

void StoreProcess::cancel()
{
    if (socket_) ::shutdown(socket_.get(), SHUT_WR);
}

void StoreProcess::receive()
{
    for (;;) {
        auto packet = kernel::receive_packet(socket_.get());
        if (!packet && packet.error().code == Errc::Busy) return;
        if (!packet) return finish(packet.error());
        auto* message = std::get_if<kernel::Message>(&*packet);
        if (!message) return finish(error(Errc::Failed, "the process that did it ended without a word"));
        if (message->kind == "error") return finish(kernel::error_of(*message));
        if (message->kind == "ok") return finish(std::move(*message));
        if (message->kind != "progress" || !listener_.progress) continue;
        auto number = [&](const char* key) { return static_cast<uint64_t>(message->get_number(key).value_or(0)); };
        listener_.progress(number("bytes"), number("total"));
    }
}

// The callback may destroy this.
void StoreProcess::finish(Result<kernel::Message> result)
{
    readable_.reset();
    socket_.reset();
    if (auto finished = std::exchange(listener_.finished, nullptr)) finished(std::move(result));
}

}  // namespace holm::daemon
