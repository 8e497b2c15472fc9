#include "setup/credentials.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "base/text.h"
#include "kernel/path.h"
#include "kernel/process.h"
#include "launch/credential.h"

namespace holm::setup {

namespace {

using std::chrono::steady_clock;

constexpr size_t max_credential = 1 << 20;
constexpr auto deadline = std::chrono::seconds(30);  // a TPM takes its time
constexpr const char* tool = "/usr/bin/systemd-creds";

struct Pipes {
    Pair output, errors;
};

// In the child. Its environment is none of the caller's.
[[noreturn]] void run_tool(const std::string& name, int file, const Pipes& pipes)
{
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    kernel::reset_signals();
    const bool given = ::dup2(file, 0) == 0 && ::dup2(pipes.output.second.get(), 1) == 1 && ::dup2(pipes.errors.second.get(), 2) == 2;
    if (!given || !kernel::close_descriptors_but({})) ::_exit(126);
    const std::string named = "--name=" + name;
    const char* arguments[] = {"systemd-creds", "decrypt", named.c_str(), "-", "-", nullptr};
    const char* environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", nullptr};
    ::execve(tool, const_cast<char* const*>(arguments), const_cast<char* const*>(environment));
    ::_exit(errno == ENOENT ? 127 : 126);
}

// All that both pipes give until their ends. Errors: Timeout; Invalid (more than there may be).
Result<std::pair<std::string, std::string>> read_both(int output, int errors)
{
    std::array<pollfd, 2> wanted = {pollfd{output, POLLIN, 0}, pollfd{errors, POLLIN, 0}};
    std::array<std::string, 2> texts;
    const auto end = steady_clock::now() + deadline;
    while (wanted[0].fd >= 0 || wanted[1].fd >= 0) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - steady_clock::now()).count();
        const int ready = left <= 0 ? 0 : ::poll(wanted.data(), wanted.size(), static_cast<int>(left));
        if (ready < 0 && errno == EINTR) continue;
        if (ready < 0) return sys_error("cannot wait for systemd-creds");
        if (ready == 0) return error(Errc::Timeout, "systemd-creds has not decrypted it within {} s", deadline.count());
        for (size_t i = 0; i < wanted.size(); ++i) {
            if (wanted[i].fd < 0 || !wanted[i].revents) continue;
            std::array<char, 4096> bytes{};
            const ssize_t size = ::read(wanted[i].fd, bytes.data(), bytes.size());
            if (size > 0) texts[i].append(bytes.data(), static_cast<size_t>(size));
            else if (size == 0 || errno != EINTR) wanted[i].fd = -1;
            if (texts[i].size() > max_credential) return error(Errc::Invalid, "it is larger than 1 MiB");
        }
    }
    return std::pair(std::move(texts[0]), std::move(texts[1]));
}

std::string_view last_line(std::string_view text)
{
    text = trim(text);
    return text.substr(text.rfind('\n') + 1);
}

Result<std::string> decrypt(const std::string& name, int file)
{
    Pair output = TRY(make_pipe()), errors = TRY(make_pipe());
    Pipes pipes{.output = std::move(output), .errors = std::move(errors)};
    kernel::Child child = TRY(kernel::clone_process(0), "cannot run systemd-creds");
    if (child.pid == 0) run_tool(name, file, pipes);
    pipes.output.second.reset(), pipes.errors.second.reset();
    auto texts = read_both(pipes.output.first.get(), pipes.errors.first.get());
    if (!texts) std::ignore = kernel::signal_process(child.pidfd.get(), SIGKILL);
    const kernel::Exit exit = TRY(kernel::wait_exit(child.pidfd.get()));
    if (!texts) return texts.error();
    if (!exit.by_signal && exit.value == 0) return std::move(texts->first);
    if (!exit.by_signal && exit.value == 127)
        return error(Errc::NotSupported, "it is encrypted, and this host has no '{}' to decrypt it", tool);
    return error(Errc::Failed, "systemd-creds cannot decrypt it: {}", printable(last_line(texts->second), 400));
}

Result<std::string> read_one(const launch::Credential& credential)
{
    Fd file = TRY(kernel::open_source(credential.path, O_RDONLY));
    if (!launch::is_encrypted(credential.path)) return kernel::read_regular(file.get(), credential.path, max_credential);
    TRY(kernel::read_regular(file.get(), credential.path, max_credential));  // what it is, and its size
    if (::lseek(file.get(), 0, SEEK_SET)) return sys_error("cannot read it again");
    return decrypt(credential.name, file.get());
}

}  // namespace

Result<std::vector<rootfs::Credential>> read_credentials(const launch::Plan& plan)
{
    std::vector<rootfs::Credential> credentials;
    for (const launch::Credential& credential : plan.credentials) {
        if (credential.name.empty() || credential.name == "." || credential.name == ".." || credential.name.contains('/'))
            return error(Errc::Invalid, "'{}' is no name of a credential", printable(credential.name));
        std::string content = TRY(read_one(credential), fmt::format("credential '{}'", credential.name));
        credentials.push_back({credential.name, std::move(content)});
    }
    return credentials;
}

}  // namespace holm::setup
