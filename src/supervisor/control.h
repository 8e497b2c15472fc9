// Control: the connections over which holmd asks (launch/channel.h, part 1): the channel that a scope's supervisor is born with, and
// those to the socket /run/holm/machines/NAME/control. Effects: listens, receives, sends.
#pragma once

#include <sys/epoll.h>

#include <functional>
#include <list>
#include <memory>
#include <string>

#include "kernel/event.h"
#include "kernel/message.h"
#include "supervisor/packet_stream.h"

namespace holm::supervisor {

class Control {
public:
    static constexpr size_t max_connections = 64;

    enum class Origin { Channel, Socket };
    // The owner of an answer: says it once; where the asker is gone it is lost.
    using Reply = std::function<void(kernel::Message)>;
    struct Handlers {
        std::function<void(Origin, kernel::Message, Reply)> on_request;
        std::function<void()> on_channel_end;
        std::function<kernel::Message()> state;  // the message "state", for subscribers
        std::function<void()> on_drained;        // somebody took all that waited, or is gone
    };
    Control(kernel::EventLoop& loop, Handlers handlers)
        : loop_(loop), handlers_(std::move(handlers)), accept_again_(loop, [this] { watch_.set_events(EPOLLIN); })
    {
    }
    ~Control();

    // The socket pair's end of a scope's supervisor.
    Result<> take_channel(Fd socket);
    // Listens at `path`, in place of what an earlier supervisor left there.
    Result<> listen(const std::string& path);
    // Takes no more connections; the path goes.
    void close_socket();

    // The state, to all that subscribed.
    void publish();
    void warn(const std::string& text);
    // Somebody has not taken all yet.
    bool waiting() const;

private:
    struct Connection {
        Origin origin;
        std::unique_ptr<PacketStream> stream;
        bool subscribed = false;
    };
    using Connections = std::list<std::shared_ptr<Connection>>;

    Result<> add(Fd socket, Origin origin);
    void accept();
    void on_packet(const std::shared_ptr<Connection>& connection, kernel::Packet packet);
    void send(Connection& connection, kernel::Message message);
    void remove(const std::shared_ptr<Connection>& connection);

    kernel::EventLoop& loop_;
    Handlers handlers_;
    Connections connections_;
    std::string path_;
    Fd socket_;
    kernel::Watch watch_;
    kernel::Timer accept_again_;  // after there was no descriptor to be had
};

}  // namespace holm::supervisor
