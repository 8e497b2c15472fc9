// Terminal: the user's own terminal, raw while a session has it and as it was on every way out. Effects; outside.
#pragma once

#include <optional>

#include <termios.h>

#include "base/error.h"
#include "base/fd.h"

namespace holm::cli {

// Raw mode of standard input for as long as it lives, also over a crash of ours (not over SIGKILL). At most one at a time.
class RawTerminal {
public:
    RawTerminal() = default;  // nothing is changed
    static Result<RawTerminal> enter();
    RawTerminal(RawTerminal&& other) noexcept : saved_(std::exchange(other.saved_, std::nullopt)) {}
    RawTerminal& operator=(RawTerminal&& other) noexcept;
    ~RawTerminal() { leave(); }
    void leave();

private:
    std::optional<termios> saved_;
};

// A non-blocking descriptor of the same terminal or pipe as `fd` for us alone: O_NONBLOCK on `fd` itself would be the shell's too.
// Of all else, and where that cannot be opened again (somebody else's terminal), a duplicate of `fd`: a file goes on at its offset.
Result<Fd> open_own(int fd, int access_mode);

}  // namespace holm::cli
