// holmd: the manager. See holmd(8).
#include <sys/stat.h>

#include <cstdio>
#include <string_view>

#include <fmt/format.h>

#include "base/log.h"
#include "daemon/service.h"
#include "daemon/spawn.h"
#include "systemd/loop.h"

namespace {

holm::Result<int> serve()
{
    holm::systemd::Loop loop = TRY(holm::systemd::Loop::open());
    holm::daemon::Service service(loop);
    TRY(service.start());
    return loop.run();
}

}  // namespace

int main(int count, char** arguments)
{
    if (count == 2 && std::string_view(arguments[1]) == "--version") {
        fmt::print("holmd {}\n", HOLM_VERSION);
        return 0;
    }
    if (count != 1) {
        fmt::print(stderr, "holmd: takes no arguments but --version; see holmd(8)\n");
        return 2;
    }
    ::umask(0022);
    holm::daemon::raise_descriptor_limit();
    auto code = serve();
    if (code) return *code;
    holm::log_error("{}", code.error().text);
    return 1;
}
