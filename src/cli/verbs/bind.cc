// bind and unbind: mounts in a machine that runs.
#include "base/text.h"
#include "cli/definition.h"
#include "cli/exit_status.h"
#include "cli/verbs/verbs.h"

namespace holm::cli::verbs {

Result<int> bind(const Invocation& call)
{
    const std::string &name = call.operands[0], what = cannot(fmt::format("bind '{}' into", printable(call.operands[1])), name);
    const std::string source = absolute_path(call.operands[1], TRY(working_folder()));
    const std::string target = call.operands.size() > 2 ? call.operands[2] : source;
    Client client = TRY(connect(call));
    TRY(client.call("BindMountMachine", name, source, target, call.has("--read-only"), call.has("--mkdir")), what);
    return exit_done;
}

Result<int> unbind(const Invocation& call)
{
    const std::string &name = call.operands[0], what = cannot(fmt::format("unbind '{}' of", printable(call.operands[1])), name);
    Client client = TRY(connect(call));
    TRY(client.call("UnbindMountMachine", name, call.operands[1]), what);
    return exit_done;
}

}  // namespace holm::cli::verbs
