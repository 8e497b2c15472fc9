// holm-generator: a systemd generator (systemd.generator(7)). For each definition a drop-in of holm@NAME.service with what systemd
// reads at load alone; for [paths] of holm.toml mount units, which holmd.service requires; for shutdown_timeout one of a timer. Runs early
// in the boot: no bus, no network, and whatever fails, the boot goes on.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "api/names.h"
#include "base/fd.h"
#include "base/log.h"
#include "kernel/definition_files.h"
#include "launch/data_mounts.h"
#include "launch/drop_in.h"
#include "network/observe.h"

namespace {

using namespace holm;

constexpr const char* holmd_unit = "/usr/lib/systemd/system/holmd.service";

// Standard error of a generator goes nowhere: the kernel's log has what systemd itself says at that time.
void use_kernel_log()
{
    const char* scope = std::getenv("SYSTEMD_SCOPE");  // set by systemd 251 and later
    if (!scope || std::string_view(scope) != "system") return;
    if (Fd log{::open("/dev/kmsg", O_WRONLY | O_NOCTTY | O_CLOEXEC)}) ::dup2(log.get(), STDERR_FILENO);
}

Result<> write_drop_in(const machine::MachineName& name, const kernel::Places& places, const std::string& target)
{
    kernel::Definition definition = TRY(kernel::read_definition(name, places));
    const std::string folder = fmt::format("{}/{}.d", target, api::service_name(name));
    TRY(make_folders(folder));
    Fd file = TRY(open_file(fmt::format("{}/{}", folder, launch::drop_in_file), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644));
    return write_all(file.get(), launch::describe_drop_in(definition.spec));
}

Result<> write_mount(const launch::DataMount& mount, const std::string& target)
{
    Fd file = TRY(open_file(fmt::format("{}/{}", target, mount.unit), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644));
    return write_all(file.get(), launch::describe_mount_unit(mount));
}

Result<> write_shutdown_timer(const machine::Settings& settings, const std::string& target)
{
    const std::string folder = fmt::format("{}/{}.d", target, launch::shutdown_timer);
    TRY(make_folders(folder));
    Fd file = TRY(open_file(fmt::format("{}/{}", folder, launch::drop_in_file), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644));
    return write_all(file.get(), launch::describe_shutdown_timer(settings.shutdown_timeout));
}

// holmd is started by who calls it; where a network is to be up without machines nobody does.
Result<> want_holmd(const std::string& target)
{
    const std::string folder = target + "/multi-user.target.wants";
    TRY(make_folders(folder));
    if (::symlink(holmd_unit, (folder + "/holmd.service").c_str()) && errno != EEXIST) return sys_error("cannot link '{}'", holmd_unit);
    return {};
}

}  // namespace

int main(int argc, char* argv[])
{
    if (argc != 2 && argc != 4) {
        log_error("usage: holm-generator NORMAL-FOLDER [EARLY-FOLDER LATE-FOLDER]");
        return 2;
    }
    use_kernel_log();

    kernel::Places places;
    auto settings = kernel::read_settings(places);
    if (!settings) log_warning("{}", settings.error().text);
    else {
        places.default_profile = settings->defaults.profile;
        for (const launch::DataMount& mount : launch::plan_data_mounts(*settings))
            if (auto written = write_mount(mount, argv[1]); !written) log_error("holm-generator: {}", written.error().text);
        if (auto written = write_shutdown_timer(*settings, argv[1]); !written) log_error("holm-generator: {}", written.error().text);
    }

    auto names = kernel::list_definitions(places);
    if (!names) log_error("{}", names.error().text);
    for (const machine::MachineName& name : names.value_or(std::vector<machine::MachineName>()))
        // without a drop-in the unit has no more than its template, and its start says the same
        if (auto written = write_drop_in(name, places, argv[1]); !written)
            log_error("holm-generator: machine '{}': {}", name.text(), written.error().text);
    if (std::ranges::any_of(network::observe_definitions(places), &network::Definition::persistent))
        if (auto wanted = want_holmd(argv[1]); !wanted) log_error("holm-generator: {}", wanted.error().text);
    return 0;
}
