#include "network/apply.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fd.h"

namespace holm::network {

namespace {

Result<> bring_up_loopback()
{
    Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) return sys_error("cannot make a socket");
    ifreq request{.ifr_ifrn = {.ifrn_name = "lo"}, .ifr_ifru = {.ifru_flags = IFF_UP}};
    if (::ioctl(socket.get(), SIOCSIFFLAGS, &request)) return sys_error("cannot bring up the loopback interface");
    return {};
}

}  // namespace

Result<> apply_inside(const Plan& plan)
{
    switch (plan.kind) {
    case Kind::None: return bring_up_loopback();
    case Kind::Host: return {};
    }
    return {};
}

}  // namespace holm::network
