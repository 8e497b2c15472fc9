// Records: what is kept of a machine that `run` has made, and how each machine's last run ended. Files in the machine's state
// folder; those of `run --rm` in its folder of /run, where they end with it. Reads and writes files of holm alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "daemon/outcome.h"
#include "machine/name.h"

namespace holm::daemon {

// The mark, in a machine's state folder.
inline constexpr const char* mark_file = "/temporary";

enum class RecordLife { Kept, Temporary };

struct RecordFile {
    RecordLife life = RecordLife::Kept;
    std::string path;        // of record.toml
    std::string definition;  // its text
};

// Where a machine's record stands, if it has one.
std::optional<std::string> find_record(const machine::MachineName& name);
// Errors: NotFound, Invalid.
Result<RecordFile> read_record(const machine::MachineName& name);
// Writes the record of a machine that is about to run for the first time, with a mark beside it: what a power cut, or the death of
// holmd, leaves of a machine that is marked is removed. A Kept one is unmarked once its payload has started.
Result<> write_record(const machine::MachineName& name, RecordLife life, const std::string& definition);
Result<> unmark_record(const machine::MachineName& name);
bool is_marked(const machine::MachineName& name);
// Whether the machine has a state folder: a record, or what a definition that is gone has left.
bool has_state(const machine::MachineName& name);
// The machines that have a state folder; those that have a kept record; and those whose mark says that nothing of them should be there any
// more.
std::vector<machine::MachineName> list_states();
std::vector<machine::MachineName> list_records();
std::vector<machine::MachineName> list_marked();

// When a file was last written: CLOCK_REALTIME in µs; 0 where it is not there.
uint64_t written_at(const std::string& path);

// How the last run ended, for `status` after a restart of holmd.
struct LastRun {
    Outcome outcome;
    bool failed = false;
    bool operator==(const LastRun&) const = default;
};
std::optional<LastRun> read_last_run(const machine::MachineName& name);
// A machine without a state folder has nowhere to keep it: then it is not kept.
void write_last_run(const machine::MachineName& name, const LastRun& last);

}  // namespace holm::daemon
