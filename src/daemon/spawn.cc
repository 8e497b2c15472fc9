#include "daemon/spawn.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <unistd.h>
#include <csignal>

#include <array>

#include "base/fd.h"

namespace holm::daemon {

namespace {

constexpr int passed_descriptor = 3;

rlimit inherited{};  // of descriptors, before raise_descriptor_limit

void limit_descriptors(rlim_t soft)
{
    const rlimit limit{.rlim_cur = soft, .rlim_max = inherited.rlim_max};
    if (inherited.rlim_max) ::setrlimit(RLIMIT_NOFILE, &limit);
}

// posix_spawn(3)'s two objects, freed at the end.
struct SpawnSettings {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;

    explicit SpawnSettings(int descriptor)
    {
        posix_spawn_file_actions_init(&files);
        posix_spawnattr_init(&attributes);
        posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&files, descriptor, passed_descriptor);
        posix_spawn_file_actions_addclosefrom_np(&files, passed_descriptor + 1);
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

Result<pid_t> spawn_program(const std::string& program, std::vector<std::string> arguments, int descriptor)
{
    // Above 3, so that dup2 onto 3 makes a copy without CLOEXEC in any case.
    Fd theirs(::fcntl(descriptor, F_DUPFD_CLOEXEC, passed_descriptor + 1));
    if (!theirs) return sys_error("cannot set up a channel");
    arguments.insert(arguments.begin(), program);
    std::vector<char*> words;
    for (std::string& argument : arguments) words.push_back(argument.data());
    words.push_back(nullptr);
    std::string path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin";
    std::array<char*, 2> environment = {path.data(), nullptr};
    const SpawnSettings settings(theirs.get());
    pid_t pid = 0;
    limit_descriptors(inherited.rlim_cur);
    const int number = ::posix_spawn(&pid, program.c_str(), &settings.files, &settings.attributes, words.data(), environment.data());
    limit_descriptors(inherited.rlim_max);
    if (number) return errno_error(number, "cannot run '{}'", program);
    return pid;
}

void raise_descriptor_limit()
{
    if (::getrlimit(RLIMIT_NOFILE, &inherited)) inherited = {};
    limit_descriptors(inherited.rlim_max);
}

}  // namespace holm::daemon
