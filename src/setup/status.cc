#include "setup/status.h"

#include "base/text.h"

namespace holm::setup {

using kernel::Message;

Result<Message> Status::receive_request(std::string_view kind)
{
    Message message = TRY(kernel::receive_message(socket_));
    if (message.kind != kind) return error(Errc::Invalid, "expected the request '{}', not '{}'", kind, printable(message.kind));
    return message;
}

Result<> Status::send(const Message& message, std::initializer_list<int> fds)
{
    return kernel::send_message(socket_, message, fds);
}

Result<> Status::send_leader(const kernel::Child& leader)
{
    Message message("leader");
    message.add("pid", leader.pid);
    return send(message, {leader.pidfd.get()});
}

void Status::warn(std::string_view text)
{
    std::ignore = send(Message("warning").add("text", text));  // a supervisor that is gone is found at the next step
}

void Status::fail(const Error& error)
{
    std::ignore = send(kernel::error_message(error).add("step", step_));
}

}  // namespace holm::setup
