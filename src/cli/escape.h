// Escape: the way out of a terminal session: ^] three times within one second, as machinectl has it. Pure.
#pragma once

#include <chrono>
#include <string_view>

namespace holm::cli {

class Escape {
public:
    using Time = std::chrono::steady_clock::time_point;

    // Whether what was read now is the last of three. Only reads that hold nothing but ^] count: that is how keys arrive,
    // so three such bytes in a stream of data are data.
    bool complete(std::string_view input, Time now);

private:
    unsigned count_ = 0;
    Time first_;
};

}  // namespace holm::cli
