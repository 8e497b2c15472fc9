// Manager: what a service tells the systemd that started it, by the protocol of sd_notify(3). Effects: sends datagrams.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace holm::supervisor {

class Manager {
public:
    Manager() = default;  // of a scope, and by hand: nobody listens
    // The value of NOTIFY_SOCKET: a path, or "@" and an abstract name.
    explicit Manager(std::string socket) : socket_(std::move(socket)) {}

    // Assignments, separated by line ends. Where nobody takes them they are lost.
    void tell(std::string_view assignments) const;
    void tell_status(std::string_view status) const;
    // What is begun now may take `duration`, and some seconds for what comes after it.
    void extend_timeout(std::chrono::microseconds duration) const;

private:
    std::string socket_;
};

}  // namespace holm::supervisor
