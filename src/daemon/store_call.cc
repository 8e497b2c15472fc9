#include "daemon/store_call.h"

#include "api/names.h"
#include "daemon/spawn.h"

namespace holm::daemon {

Result<kernel::Message> call_store(const kernel::Message& request, const std::function<void(std::string_view)>& looking_at)
{
    Pair sockets = TRY(make_socket_pair());
    TRY(spawn_program(fmt::format("{}/holm-store", api::program_folder), {}, sockets.second.get()));
    sockets.second.reset();
    TRY(kernel::send_message(sockets.first.get(), request));
    for (;;) {
        kernel::Packet packet = TRY(kernel::receive_packet(sockets.first.get()));
        auto* message = std::get_if<kernel::Message>(&packet);
        if (!message) return error(Errc::Failed, "the process that did it ended without a word");
        if (message->kind == "error") return kernel::error_of(*message);
        if (message->kind == "ok") return std::move(*message);
        if (looking_at) looking_at(api::state_images_folder);
    }
}

}  // namespace holm::daemon
