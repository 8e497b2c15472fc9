#include "daemon/reply.h"

#include "api/errors.h"
#include "api/limits.h"
#include "base/log.h"
#include "base/text.h"

namespace holm::daemon {

Result<PendingCalls::Ticket> PendingCalls::admit(const std::string& sender)
{
    auto waiting = counts_->by_sender.find(sender);
    if (waiting != counts_->by_sender.end() && waiting->second >= api::max_pending_per_sender)
        return error(Errc::Busy, "{} calls of this connection await an answer already", waiting->second);
    if (counts_->all >= api::max_pending) return error(Errc::Busy, "holmd has {} calls to answer already", counts_->all);
    ++counts_->by_sender[sender];
    ++counts_->all;
    return Ticket(counts_, sender);
}

PendingCalls::Ticket& PendingCalls::Ticket::operator=(Ticket&& other) noexcept
{
    if (this != &other) {
        release();
        counts_ = std::move(other.counts_);
        sender_ = std::move(other.sender_);
    }
    return *this;
}

void PendingCalls::Ticket::release()
{
    auto counts = std::exchange(counts_, nullptr);
    if (!counts) return;
    auto waiting = counts->by_sender.find(sender_);
    if (--waiting->second == 0) counts->by_sender.erase(waiting);
    --counts->all;
}

Reply& Reply::operator=(Reply&& other) noexcept
{
    if (this != &other) {
        if (call_) fail(error(Errc::Failed, "holmd gave up this call"));
        call_ = std::move(other.call_);
        ticket_ = std::move(other.ticket_);
    }
    return *this;
}

Reply::~Reply()
{
    if (call_) fail(error(Errc::Failed, "holmd gave up this call"));
}

std::string Reply::sender() const
{
    const char* name = sd_bus_message_get_sender(call_.get());
    return name ? name : "";
}

Result<systemd::MessageHandle> Reply::begin()
{
    if (!call_) return error(Errc::Failed, "answered already");
    sd_bus_message* answer = nullptr;
    if (int r = sd_bus_message_new_method_return(call_.get(), &answer); r < 0) {
        Error failure = errno_error(-r, "cannot make an answer");
        fail(failure);
        return failure;
    }
    return systemd::MessageHandle(answer);
}

// A caller that is gone, or a connection that has ended, is no failure of ours.
void Reply::finish(systemd::MessageHandle answer)
{
    static_cast<void>(sd_bus_send(nullptr, answer.get(), nullptr));
    call_.reset();
    ticket_ = {};
}

void Reply::fail(const Error& error)
{
    if (!call_) return;
    const std::string text = is_valid_utf8(error.text) ? error.text : printable(error.text, 8192);
    const sd_bus_error wire = SD_BUS_ERROR_MAKE_CONST(api::error_name(error.code), text.c_str());
    if (int r = sd_bus_reply_method_error(call_.get(), &wire); r < 0) log_debug("cannot answer a call: {}", strerror(-r));
    call_.reset();
    ticket_ = {};
}

}  // namespace holm::daemon
