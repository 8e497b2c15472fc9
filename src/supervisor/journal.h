// Journal: the machine's console and the supervisor's own words in journald, from inside the unit. Never waits: what journald does
// not take at once is dropped, counted and told of. Effects: sends datagrams.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/journal_entry.h"
#include "base/log.h"

namespace holm::supervisor {

class Journal {
public:
    explicit Journal(std::string machine) : machine_(std::move(machine)) {}

    // journald remembers for a second or more to which unit a process belongs: nothing is sent before the supervisor is in its own.
    enum class OwnWords {
        Journal,
        StandardError,  // of a service: a stream of its unit's, whose lines are the unit's however soon this process is gone
    };
    void open(OwnWords own_words);
    // A line of the console, under the machine's name.
    void console_line(std::string_view line);
    // The supervisor's own, under the name of its program. Before open, and so by hand: to standard error.
    void log(LogLevel level, std::string_view text);
    // Tells how many lines were dropped, if journald takes it now.
    void tell_dropped();
    // Whether journald has read all that was sent. It looks up the unit of a sender when it reads: one that is gone has none.
    bool taken() const;
    bool spoke() const { return spoke_; }

private:
    bool send(std::string_view identifier, LogLevel level, std::string_view text);
    std::string machine_;
    Fd socket_;
    uint64_t dropped_ = 0;
    bool to_standard_error_ = false;
    bool spoke_ = false;  // anything was sent
};

}  // namespace holm::supervisor
