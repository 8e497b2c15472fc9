// Status: the conversation of holm-setup with its supervisor (launch/channel.h, part 3), and the step that is being done, which an
// error carries. Effects: sends and receives; outside and inside.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"
#include "kernel/message.h"
#include "kernel/process.h"

namespace holm::setup {

class Status {
public:
    // Borrows the socket: it is descriptor 3 for the life of the process, and ends with the exec of the payload.
    explicit Status(int socket) : socket_(socket) {}

    int socket() const { return socket_; }
    // What is done from here on: a word that stays the same over versions, for `holmctl why`.
    void enter(std::string_view step) { step_ = step; }

    // The first message, which must be of that kind.
    Result<kernel::Message> receive_request(std::string_view kind);

    // Errors: Unavailable where the supervisor is gone.
    Result<> send(const kernel::Message& message, std::initializer_list<int> fds = {});
    Result<> send_leader(const kernel::Child& leader);
    void warn(std::string_view text);
    // Plan::hold, where this boot is the one that it is about.
    void hold_at(std::string step) { hold_ = std::move(step); }
    // Waits there to be continued, if it is the step; the end of the supervisor is the end of this process.
    void reach(std::string_view step);
    // Waits on-fail, once: with all that there is of the machine, so before its owners go.
    void hold_failure(const Error& error);
    // The last word; held on-fail it comes when the start is to go on.
    void fail(const Error& error);

private:
    void wait_to_go_on(std::string_view step, std::string_view why);

    std::string hold_;
    int socket_;
    std::string_view step_ = "request";
};

}  // namespace holm::setup
