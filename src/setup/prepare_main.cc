// holm-prepare NAME: what the supervisor of a service runs first. It asks holmd (which D-Bus starts where it does not run) to plan the
// machine's start. Silent where that is done; else one sentence on standard error and exit status 1. Effects: one bus call.
#include <systemd/sd-bus.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "api/names.h"
#include "base/handle.h"

namespace {

// A plan has its own deadline in holmd, which says what it waited for; this one is for a holmd that says nothing.
constexpr uint64_t deadline = 60'000'000;  // µs

using Bus = holm::Handle<sd_bus, sd_bus_flush_close_unref>;

// D-Bus answers this where holmd died during the call: nothing is lost by asking the next one.
bool is_vanished(const sd_bus_error& error)
{
    const std::string_view name = error.name ? error.name : "";
    return name == SD_BUS_ERROR_NO_REPLY || name == SD_BUS_ERROR_DISCONNECTED || name == SD_BUS_ERROR_NAME_HAS_NO_OWNER;
}

enum class Asked { Done, Vanished, Failed };

// Once. The sentence of a failure goes to `why`.
Asked ask(const char* machine, std::string& why)
{
    sd_bus* opened = nullptr;
    if (int r = sd_bus_open_system(&opened); r < 0) {
        why = fmt::format("cannot reach holmd: no system bus ({})", strerror(-r));
        return Asked::Vanished;
    }
    Bus bus(opened);
    sd_bus_set_method_call_timeout(bus.get(), deadline);
    sd_bus_error error = SD_BUS_ERROR_NULL;
    const int r = sd_bus_call_method(bus.get(), holm::api::bus_name, holm::api::root_path, holm::api::manager_interface, "PrepareMachine",
                                     &error, nullptr, "s", machine);
    if (r >= 0) return Asked::Done;
    const bool vanished = is_vanished(error) || r == -ECONNRESET;
    why = error.message ? error.message : strerror(-r);
    sd_bus_error_free(&error);
    return vanished ? Asked::Vanished : Asked::Failed;
}

}  // namespace

int main(int count, char** arguments)
{
    if (count != 2) {
        fmt::print(stderr, "usage: holm-prepare NAME\n");
        return 2;
    }
    std::string why;
    Asked asked = ask(arguments[1], why);
    if (asked == Asked::Vanished) asked = ask(arguments[1], why);
    if (asked == Asked::Done) return 0;
    fmt::print(stderr, "{}\n", why);
    return 1;
}
