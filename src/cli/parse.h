// A command line as a value: which verb, which options, which operands. Pure; the only file that knows CLI11.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cli/verb_table.h"

namespace holm::cli {

enum class JsonStyle { Off, Short, Pretty };

// One option is in `options` under its long name ("--signal") if it was given, a flag with no values.
struct Invocation {
    const VerbInfo* verb = nullptr;  // nullptr: only help or version was asked for
    std::map<std::string, std::vector<std::string>, std::less<>> options;
    std::vector<std::string> operands;  // names, and for a Tail::NamedCommand only the machine's
    std::vector<std::string> command;   // the tail
    JsonStyle json = JsonStyle::Off;
    std::string host;                       // of -H: everything is done there
    std::vector<std::string> remote_words;  // of -H: the words after "holmctl" on HOST

    bool has(std::string_view option) const { return options.contains(option); }
    std::string value(std::string_view option, std::string_view otherwise = "") const;
    const std::vector<std::string>& values(std::string_view option) const;
};

// The words after argv[0].
// Errors: Invalid (usage: exit status 2), NotSupported (a verb of a later version).
Result<Invocation> parse_command_line(const std::vector<std::string>& words);

}  // namespace holm::cli
