// holm-relay: carries what comes to the published ports of the host's own 127.0.0.1 and ::1 to the machines that publish them: one
// process a host, which can do nothing else (holm-relay.service).
#include <sys/prctl.h>
#include <csignal>

#include "base/log.h"
#include "relay/relay.h"

namespace {

using namespace holm;

Result<> serve()
{
    if (::signal(SIGPIPE, SIG_IGN) == SIG_ERR || ::prctl(PR_SET_DUMPABLE, 0)) return sys_error("cannot set the state of the process");
    auto loop = TRY(kernel::open_event_loop());
    return relay::Relay(*loop, network::relay_folder).run();
}

}  // namespace

int main()
{
    auto served = serve();
    if (!served) log_error("{}", served.error().text);
    return 1;
}
