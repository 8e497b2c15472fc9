// UnitFate: what systemd knows of a unit's last start, and the sentence that it makes for a person. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace holm::machine {

struct UnitFate {
    // A Condition= or Assert= of its file.
    struct Check {
        std::string type;  // "ConditionPathIsMountPoint"
        bool is_trigger = false, is_negated = false;
        std::string parameter;
        int outcome = 0;  // > 0: holds; < 0: does not; 0: was not looked at
        bool operator==(const Check&) const = default;
    };
    // What has come of one of its processes, as waitid(2) has it; code 0: it has not ended.
    struct Process {
        std::string setting;  // "ExecStartPre"; "" of the main process
        std::string program;
        bool may_fail = false;
        int code = 0, status = 0;
        bool operator==(const Process&) const = default;
    };

    std::string active;  // ActiveState
    bool conditions_hold = true, asserts_hold = true;
    std::vector<Check> checks;
    std::string result;  // "success", "exit-code", "timeout", …
    std::vector<Process> processes;
    bool operator==(const UnitFate&) const = default;
};

// Whether it is there, or is on its way up or down.
bool is_up(const UnitFate& fate);

// Whether its last start was left alone because of what its file asks for.
bool was_skipped(const UnitFate& fate);

// Why its last start has brought nothing up, a sentence; "" where systemd knows nothing of that.
std::string describe_failure(const UnitFate& fate, std::string_view unit);

}  // namespace holm::machine
