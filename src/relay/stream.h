// Stream: one TCP connection, from a client on the host's loopback to a machine, and back. What one side is slow to take is not read
// from the other. Effects.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "kernel/event.h"

namespace holm::relay {

class Stream {
public:
    // `ended` is called once, from the loop, when both sides are done or one has failed. It may destroy the stream.
    Stream(Fd client, Fd machine, std::function<void()> ended);
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    Result<> open(kernel::EventLoop& loop);

private:
    struct Side {
        Fd socket;
        kernel::Watch watch;
        std::string waiting;  // to be written to it
        bool is_read = true;  // more may come from it
        bool is_open = true;  // it is not yet told that nothing more comes
    };
    void on_event(Side& side, Side& other, uint32_t events);
    bool flush(Side& side);
    bool read(Side& side, Side& other, uint32_t events);
    bool end_writing(Side& side, const Side& other);
    void update(Side& side, const Side& other);
    void finish();

    Side client_, machine_;
    bool connected_ = false;
    std::function<void()> ended_;
};

}  // namespace holm::relay
