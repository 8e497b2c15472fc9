// Event journal: the events in the life of machines (api/events), as holmd has written them. Observes.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <systemd/sd-journal.h>

#include "base/error.h"
#include "base/handle.h"
#include "cli/journal.h"
#include "cli/parse.h"

namespace holm::cli {

struct Event {
    uint64_t time = 0;  // CLOCK_REALTIME, µs
    std::string machine, event, unit, message;
};

// "Nov 22 00:34:10 web failed: it ran out of memory", or one JSON object. With its line end.
std::string describe_event(const Event& event, JsonStyle style);

// "2min", "-2min", "1h ago": so long ago; "today"; "2026-11-22 07:00[:00]"; "@SECONDS". CLOCK_REALTIME in µs. Errors: Invalid.
Result<uint64_t> parse_since(std::string_view text);

class EventJournal {
public:
    // Of these machines, none: of all. Errors: those of sd_journal_open(3).
    static Result<EventJournal> open(const std::vector<std::string>& machines);
    Result<> seek(uint64_t since);
    Result<std::optional<Event>> next();
    Result<> wait(std::chrono::microseconds timeout);

private:
    using JournalHandle = Handle<sd_journal, sd_journal_close>;
    explicit EventJournal(JournalHandle journal) : journal_(std::move(journal)) {}
    JournalHandle journal_;
};

}  // namespace holm::cli
