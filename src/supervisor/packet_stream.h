// Packet stream: the supervisor's end of a conversation (launch/channel.h) in the event loop: what cannot be sent now waits in
// order. Effects: sends and receives.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include "kernel/event.h"
#include "kernel/message.h"

namespace holm::supervisor {

class PacketStream {
public:
    struct Handlers {
        // Each packet that comes; EndOfStream last, also for a peer that says what cannot be understood. May destroy the stream.
        std::function<void(kernel::Packet)> on_packet;
        std::function<void()> on_drained = {};  // all that waited has been sent. May destroy the stream
    };

    PacketStream(kernel::EventLoop& loop, Fd socket, Handlers handlers);
    PacketStream(const PacketStream&) = delete;
    PacketStream& operator=(const PacketStream&) = delete;

    // Watches the socket. Before it nothing is received.
    Result<> open();
    // To a peer that is gone nothing is sent, and no error is made of it: the end of the stream is told by on_packet.
    void send(kernel::Message message);
    void send_data(std::string_view bytes);
    // Bytes that wait for the peer; 0: it has taken everything.
    size_t waiting() const { return waiting_; }
    // Ends the conversation from this side: what waits is lost, and on_packet tells the end.
    void hang_up();
    // Receives a packet that has come already, as on_packet tells. False: there is none. May destroy the stream.
    bool take_in() { return on_readable(); }
    // Whether to receive. The end of the peer is told in any case.
    void receive(bool wanted);

private:
    using Outgoing = std::variant<kernel::Message, std::string>;
    void on_event(uint32_t events);
    bool on_readable();
    void flush();
    bool try_send(const Outgoing& packet);
    void enqueue(Outgoing packet);
    void update();

    kernel::EventLoop& loop_;
    Fd socket_;
    Handlers handlers_;
    kernel::Watch watch_;
    std::deque<Outgoing> queue_;
    size_t waiting_ = 0;
    bool receiving_ = true;
    bool gone_ = false;  // the peer takes nothing any more
};

}  // namespace holm::supervisor
