// Undo: what takes a step back unless keep() is called. Armed on the line after the step. Pure.
#pragma once

#include <utility>

namespace holm {

template <typename Action>
class [[nodiscard]] Undo {
public:
    explicit Undo(Action action) : action_(std::move(action)) {}
    Undo(const Undo&) = delete;
    Undo& operator=(const Undo&) = delete;
    ~Undo()
    {
        if (armed_) action_();
    }
    void keep() { armed_ = false; }

private:
    Action action_;
    bool armed_ = true;
};

}  // namespace holm
