// PolkitAgent: pkttyagent(1), which asks for passwords on the terminal of a user that has no agent of a desktop. Effects.
#pragma once

#include <sys/types.h>

#include <utility>

namespace holm::cli {

// Runs for as long as it lives. Nothing for root, without a terminal, or where there is no pkttyagent: polkit then refuses.
class PolkitAgent {
public:
    PolkitAgent() = default;
    static PolkitAgent start();
    PolkitAgent(PolkitAgent&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
    PolkitAgent& operator=(PolkitAgent&& other) noexcept
    {
        std::swap(pid_, other.pid_);
        return *this;
    }
    ~PolkitAgent();

private:
    pid_t pid_ = -1;
};

}  // namespace holm::cli
