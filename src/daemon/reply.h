// Reply: the answer that a caller on the bus awaits. An owner: it answers exactly once, and answers Failed when it is destroyed
// unanswered. Counts what each caller has waiting (api/limits.h). Effects: sends.
#pragma once

#include <map>
#include <memory>
#include <string>

#include <systemd/sd-bus.h>

#include "base/error.h"
#include "systemd/message.h"

namespace holm::daemon {

// How many calls await an answer, by sender.
class PendingCalls {
    struct Counts {
        std::map<std::string, size_t> by_sender;
        size_t all = 0;
    };

public:
    // One call, until the ticket is destroyed; it may outlive what gave it.
    class Ticket {
    public:
        Ticket() = default;
        Ticket(Ticket&& other) noexcept = default;
        Ticket& operator=(Ticket&& other) noexcept;
        ~Ticket() { release(); }

    private:
        friend class PendingCalls;
        Ticket(std::shared_ptr<Counts> counts, std::string sender) : counts_(std::move(counts)), sender_(std::move(sender)) {}
        void release();
        std::shared_ptr<Counts> counts_;
        std::string sender_;
    };

    // Errors: Busy, over a limit.
    Result<Ticket> admit(const std::string& sender);

private:
    std::shared_ptr<Counts> counts_ = std::make_shared<Counts>();
};

class Reply {
public:
    // Of a method call, which is kept until it is answered.
    Reply(sd_bus_message* call, PendingCalls::Ticket ticket) : call_(sd_bus_message_ref(call)), ticket_(std::move(ticket)) {}
    Reply(Reply&&) noexcept = default;
    Reply& operator=(Reply&& other) noexcept;
    ~Reply();

    sd_bus_message* call() const { return call_.get(); }
    // The unique name of the caller on the bus; "" on a direct connection.
    std::string sender() const;
    explicit operator bool() const { return call_ != nullptr; }  // not answered yet

    template <typename... T>
    void ok(const T&... values)
    {
        if (auto message = begin()) {
            if (auto written = systemd::append_all(message->get(), values...); written) finish(std::move(*message));
            else fail(written.error());
        }
    }
    void fail(const Error& error);

private:
    Result<systemd::MessageHandle> begin();
    void finish(systemd::MessageHandle answer);
    systemd::MessageHandle call_;
    PendingCalls::Ticket ticket_;
};

}  // namespace holm::daemon
