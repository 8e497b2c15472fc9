#include "setup/status.h"

#include <unistd.h>

#include "base/text.h"
#include "launch/hold.h"

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

void Status::reach(std::string_view step)
{
    if (hold_ == step) wait_to_go_on(step, "");
}

void Status::wait_to_go_on(std::string_view step, std::string_view why)
{
    hold_.clear();
    if (!send(Message("held").add("step", step).add("why", why))) ::_exit(1);
    auto answer = kernel::receive_message(socket_);
    if (!answer || answer->kind != "continue") ::_exit(1);
}

void Status::hold_failure(const Error& error)
{
    if (hold_ == launch::hold_on_fail) wait_to_go_on(step_, error.text);
}

void Status::fail(const Error& error)
{
    hold_failure(error);
    std::ignore = send(kernel::error_message(error).add("step", step_));
}

}  // namespace holm::setup
