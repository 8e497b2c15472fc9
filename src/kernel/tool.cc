#include "kernel/tool.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>

#include "base/handle.h"
#include "base/text.h"

namespace holm::kernel {

namespace {

using std::chrono::steady_clock;

constexpr int not_installed = 127;  // as a shell says it

struct Pipes {
    Pair output, errors;
};

std::string_view name_of(const Tool& tool)
{
    std::string_view path = tool.path;
    return path.substr(path.rfind('/') + 1);
}

[[noreturn]] void execute(const Tool& tool, const Pipes& pipes)
{
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    reset_signals();
    const bool given = ::dup2(tool.input, 0) == 0 && ::dup2(pipes.output.second.get(), 1) == 1 && ::dup2(pipes.errors.second.get(), 2) == 2;
    if (!given || !close_descriptors_but({})) ::_exit(126);
    std::vector<const char*> arguments = {tool.path};
    for (const std::string& argument : tool.arguments) arguments.push_back(argument.c_str());
    arguments.push_back(nullptr);
    const char* environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", nullptr};
    ::execve(tool.path, const_cast<char* const*>(arguments.data()), const_cast<char* const*>(environment));
    ::_exit(errno == ENOENT ? not_installed : 126);
}

// All that both pipes give until their ends.
Result<> read_both(const Tool& tool, const Pipes& pipes, Answer& answer)
{
    std::array<pollfd, 2> wanted = {pollfd{pipes.output.first.get(), POLLIN, 0}, pollfd{pipes.errors.first.get(), POLLIN, 0}};
    const std::array<std::string*, 2> texts = {&answer.output, &answer.errors};
    const auto end = steady_clock::now() + tool.deadline;
    while (wanted[0].fd >= 0 || wanted[1].fd >= 0) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - steady_clock::now()).count();
        const int ready = left <= 0 ? 0 : ::poll(wanted.data(), wanted.size(), static_cast<int>(left));
        if (ready < 0 && errno == EINTR) continue;
        if (ready < 0) return sys_error("cannot wait for {}", name_of(tool));
        if (ready == 0) return error(Errc::Timeout, "{} has not ended within {} s", name_of(tool), tool.deadline.count());
        for (size_t i = 0; i < wanted.size(); ++i) {
            if (wanted[i].fd < 0 || !wanted[i].revents) continue;
            std::array<char, 4096> bytes{};
            const ssize_t size = ::read(wanted[i].fd, bytes.data(), bytes.size());
            if (size > 0) texts[i]->append(bytes.data(), static_cast<size_t>(size));
            else if (size == 0 || errno != EINTR) wanted[i].fd = -1;
            if (texts[i]->size() > tool.most) return error(Errc::Invalid, "{} gives more than {} KiB", name_of(tool), tool.most >> 10);
        }
    }
    return {};
}

}  // namespace

Result<Answer> run_tool(const Tool& tool)
{
    Pair output = TRY(make_pipe()), errors = TRY(make_pipe());
    Pipes pipes{.output = std::move(output), .errors = std::move(errors)};
    Child child = TRY(clone_process(0), fmt::format("cannot run {}", name_of(tool)));
    if (child.pid == 0) execute(tool, pipes);
    pipes.output.second.reset(), pipes.errors.second.reset();
    Answer answer;
    const Result<> read = read_both(tool, pipes, answer);
    if (!read) std::ignore = signal_process(child.pidfd.get(), SIGKILL);
    answer.exit = TRY(wait_exit(child.pidfd.get()));
    if (!read) return read.error();
    if (!answer.exit.by_signal && answer.exit.value == not_installed) return error(Errc::NotSupported, "this host has no '{}'", tool.path);
    return answer;
}

std::string_view last_line(std::string_view errors)
{
    errors = trim(errors);
    return errors.substr(errors.rfind('\n') + 1);
}

}  // namespace holm::kernel
