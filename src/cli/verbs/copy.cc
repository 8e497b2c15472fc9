// copy-to and copy-from: files between the host, machines and a tar stream.
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "cli/definition.h"
#include "cli/exit_status.h"
#include "cli/output.h"
#include "cli/verbs/verbs.h"
#include "machine/name.h"

namespace holm::cli::verbs {

namespace {

constexpr uint64_t replace_flag = 1;

// One side of a copy as it is written: PATH, "-", or MACHINE:/PATH.
struct Side {
    std::string machine;  // "": the host, or a stream
    bool stream = false;
    std::string path;
};

Result<Side> parse_side(const std::string& text)
{
    if (text.empty()) return error(Errc::Invalid, "a path is empty");
    if (text == "-") return Side{.machine = "", .stream = true, .path = ""};
    const size_t colon = text.find(":/");
    if (colon != text.npos && text.find('/') > colon && machine::parse_name(text.substr(0, colon)))
        return Side{.machine = text.substr(0, colon), .stream = false, .path = text.substr(colon + 1)};
    return Side{.machine = "", .stream = false, .path = absolute_path(text, TRY(working_folder())) + (text.ends_with('/') ? "/" : "")};
}

// Of the machine that the verb is about.
Result<std::string> parse_inside(const std::string& text)
{
    if (text.starts_with('/')) return text;
    return error(Errc::Invalid, "'{}' is not an absolute path of the machine", printable(text));
}

Result<MessageHandle> make_call(Client& client, const Side& from, const Side& to, uint64_t flags)
{
    auto call = [&](const char* method, const auto&... arguments) -> Result<MessageHandle> {
        MessageHandle message = TRY(client.new_call(api::root_path, api::manager_interface, method));
        TRY(systemd::append_all(message.get(), arguments...));
        return message;
    };
    if (from.stream) return call("CopyStreamToMachine", to.machine, TRY(duplicate(STDIN_FILENO)), to.path, flags);
    if (to.stream) return call("CopyStreamFromMachine", from.machine, from.path, TRY(duplicate(STDOUT_FILENO)));
    if (from.machine.empty()) return call("CopyToMachineWithFlags", to.machine, from.path, to.path, flags);
    if (to.machine.empty()) return call("CopyFromMachineWithFlags", from.machine, from.path, to.path, flags);
    return call("CopyBetweenMachines", from.machine, from.path, to.machine, to.path, flags);
}

Result<int> copy(const Invocation& call, const Side& from, const Side& to, const std::string& what)
{
    if (to.stream && is_terminal(STDOUT_FILENO))
        return error(Errc::Invalid, "a tar stream is not for a terminal: redirect standard output");
    Client client = TRY(connect(call));
    MessageHandle message = TRY(make_call(client, from, to, call.has("--force") ? replace_flag : 0));
    Progress progress(what, call);
    TRY(client.send_and_wait(std::move(message), [&](unsigned seconds) { progress.show(seconds); }));
    return exit_done;
}

}  // namespace

Result<int> copy_to(const Invocation& call)
{
    const std::string &name = call.operands[0], what = cannot("copy to", name);
    Side from = TRY(parse_side(call.operands[1]), what);
    if (from.stream && call.operands.size() < 3)
        return error(Errc::Invalid, "{}: '-' is a tar stream, which needs a folder to go to", what);
    Side to{.machine = name, .stream = false, .path = from.path};
    if (call.operands.size() > 2) to.path = TRY(parse_inside(call.operands[2]), what);
    auto done = copy(call, from, to, fmt::format("copying to machine '{}'", printable(name)));
    return done ? done : with_context(done.error(), what);
}

Result<int> copy_from(const Invocation& call)
{
    const std::string &name = call.operands[0], what = cannot("copy from", name);
    Side from{.machine = name, .stream = false, .path = TRY(parse_inside(call.operands[1]), what)};
    Side to{.machine = "", .stream = false, .path = from.path};
    if (call.operands.size() > 2) to = TRY(parse_side(call.operands[2]), what);
    auto done = copy(call, from, to, fmt::format("copying from machine '{}'", printable(name)));
    return done ? done : with_context(done.error(), what);
}

}  // namespace holm::cli::verbs
