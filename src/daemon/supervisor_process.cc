#include "daemon/supervisor_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>
#include <csignal>

#include <array>

#include "api/names.h"
#include "kernel/process.h"
#include "launch/channel.h"

namespace holm::daemon {

namespace {

// posix_spawn(3)'s two objects, freed at the end.
struct SpawnSettings {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;

    explicit SpawnSettings(int channel)
    {
        posix_spawn_file_actions_init(&files);
        posix_spawnattr_init(&attributes);
        posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&files, channel, launch::channel::control_descriptor);
        posix_spawn_file_actions_addclosefrom_np(&files, launch::channel::control_descriptor + 1);
        sigset_t all, none;
        sigfillset(&all);
        sigemptyset(&none);
        posix_spawnattr_setsigdefault(&attributes, &all);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;
    ~SpawnSettings()
    {
        posix_spawn_file_actions_destroy(&files);
        posix_spawnattr_destroy(&attributes);
    }
};

}  // namespace

Result<SupervisorProcess> spawn_supervisor(const machine::MachineName& name)
{
    Pair channel = TRY(make_socket_pair());
    // Above 3, so that dup2 onto 3 makes a copy without CLOEXEC in any case.
    Fd theirs(::fcntl(channel.second.get(), F_DUPFD_CLOEXEC, launch::channel::control_descriptor + 1));
    if (!theirs || ::fcntl(channel.first.get(), F_SETFL, O_RDWR | O_NONBLOCK)) return sys_error("cannot set up a control channel");

    std::string program = fmt::format("{}/holm-supervisor", api::program_folder), machine = "--machine=" + name.text(),
                plan = "--plan=" + api::plan_path(name), descriptor = fmt::format("--channel={}", launch::channel::control_descriptor);
    std::array<char*, 5> arguments = {program.data(), machine.data(), plan.data(), descriptor.data(), nullptr};
    std::string path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin";
    std::array<char*, 2> environment = {path.data(), nullptr};

    const SpawnSettings settings(theirs.get());
    pid_t pid = 0;
    if (int number = ::posix_spawn(&pid, program.c_str(), &settings.files, &settings.attributes, arguments.data(), environment.data()))
        return errno_error(number, "cannot run '{}'", program);
    // It blocks until "go", so it is there; one that could not even begin shows up here.
    Fd process = TRY(kernel::open_process(pid), "the supervisor ended at once");
    return SupervisorProcess{pid, std::move(process), std::move(channel.first)};
}

}  // namespace holm::daemon
