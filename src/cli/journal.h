// Journal: what journald keeps of a machine's unit, whichever form it runs in, and what systemd said about it. Observes.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <systemd/sd-journal.h>

#include "base/error.h"
#include "base/handle.h"
#include "cli/parse.h"
#include "machine/name.h"

namespace holm::cli {

struct JournalEntry {
    uint64_t time = 0;  // CLOCK_REALTIME, µs
    std::string host, identifier, pid, unit, priority, message;
};

// "Nov 22 00:34:10 host app[12]: text", as journalctl's short form; or one JSON object. With its line end.
std::string describe_entry(const JournalEntry& entry, JsonStyle style);

// Whether the caller may read the system's journal: sd_journal_open(3) leaves out, without a word, what may not be read.
bool may_read_journal();
// What is said then.
inline constexpr const char* journal_refused = "you may not read the journal of its unit (group systemd-journal)";

class Journal {
public:
    // Errors: those of sd_journal_open(3).
    static Result<Journal> open(const machine::MachineName& name);
    // Before the last `lines` entries, of those from `since` (CLOCK_REALTIME, µs) on; none: before the first.
    Result<> seek(std::optional<uint64_t> lines, std::optional<uint64_t> since);
    Result<std::optional<JournalEntry>> next();
    // Until there may be more.
    Result<> wait(std::chrono::microseconds timeout);

private:
    using JournalHandle = Handle<sd_journal, sd_journal_close>;
    explicit Journal(JournalHandle journal) : journal_(std::move(journal)) {}
    Result<> seek_lines(uint64_t lines);
    std::string field(const char* name) const;
    JournalHandle journal_;
};

}  // namespace holm::cli
