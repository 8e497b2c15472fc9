// -H: holmctl on another host, through ssh. Pure: only the command line of ssh.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace holm::cli {

// The word as a POSIX shell reads it back, whatever its bytes.
std::string quote_for_shell(std::string_view word);

enum class SshTerminal { No, Yes };

// argv of ssh(1) that runs `holmctl WORDS` on `host`. ssh joins its arguments for the shell of the other side, so each word is quoted.
// Errors: Invalid (a host that ssh would take for an option, or none).
Result<std::vector<std::string>> ssh_command(const std::string& host, const std::vector<std::string>& words, SshTerminal terminal);

}  // namespace holm::cli
