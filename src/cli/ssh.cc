#include "cli/ssh.h"

#include "base/text.h"

namespace holm::cli {

std::string quote_for_shell(std::string_view word)
{
    constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,@%+";
    if (!word.empty() && word.find_first_not_of(plain) == word.npos) return std::string(word);
    std::string quoted = "'";
    for (const char c : word) {
        if (c == '\'') quoted += "'\\''";
        else quoted += c;
    }
    return quoted + "'";
}

Result<std::vector<std::string>> ssh_command(const std::string& host, const std::vector<std::string>& words, SshTerminal terminal)
{
    if (host.empty() || host.starts_with('-')) return error(Errc::Invalid, "'{}' is no host", printable(host));
    std::vector<std::string> argv = {"ssh"};
    if (terminal == SshTerminal::Yes) argv.emplace_back("-t");
    argv.insert(argv.end(), {"--", host, "holmctl"});
    for (const std::string& word : words) argv.push_back(quote_for_shell(word));
    return argv;
}

}  // namespace holm::cli
