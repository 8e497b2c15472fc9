// copy-image: an image of this store to that of another host, by ssh or over a pair of pipes. What the other has is not sent.
//
// The receiver says on its standard output which layers it has, a line of their digests, and reads the archive from its standard input.
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/image_job.h"
#include "cli/output.h"
#include "cli/ssh.h"
#include "cli/verbs/verbs.h"
#include "image/identifiers.h"

namespace holm::cli::verbs {

namespace {

constexpr size_t most_line = 256 << 10;
constexpr std::string_view ended_early = "the other side has ended before it said what it has";

// Up to the end of the line, and no byte more.
Result<std::vector<std::string>> read_digests(int from)
{
    std::string line;
    for (char byte = 0; line.size() < most_line;) {
        const ssize_t size = ::read(from, &byte, 1);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return sys_error("cannot hear from the other side");
        if (size == 0) return error(Errc::Failed, "{}", ended_early);
        if (byte == '\n') break;
        line += byte;
    }
    std::vector<std::string> digests;
    for (std::string_view word : split(line, ' ')) {
        if (word.empty()) continue;
        auto digest = image::parse_digest(word);
        if (!digest) return error(Errc::Failed, "the other side says '{}' and no digests: is it holmctl?", printable(word, 80));
        digests.push_back(std::move(*digest));
    }
    return digests;
}

Result<> wait_for_job(const Invocation& call, ImageJob& job, MessageHandle answer, const std::string& what)
{
    uint32_t id = 0;
    systemd::ObjectPath path;
    TRY(systemd::read_all_of(answer.get(), id, path));
    answer.reset();
    return job.wait(path.text, what, call);
}

Result<> send(const Invocation& call, const std::string& image, int from, Fd to)
{
    Client client = TRY(connect(call));
    ImageJob job = TRY(ImageJob::listen(client));
    const auto there = TRY(read_digests(from));
    MessageHandle answer = TRY(client.call("SendImage", image, to, there));
    to.reset();
    return wait_for_job(call, job, std::move(answer), fmt::format("sending image '{}'", printable(image)));
}

Result<> receive(const Invocation& call, const std::string& name)
{
    Client client = TRY(connect(call));
    ImageJob job = TRY(ImageJob::listen(client));
    const auto digests = TRY(client.ask<std::vector<std::string>>("ListLayers"));
    TRY(print(fmt::format("{}\n", fmt::join(digests, " "))));
    Fd source = TRY(duplicate(STDIN_FILENO));
    MessageHandle answer = TRY(client.call("ReceiveImage", source, name, call.has("--force"), call.has("--read-only")));
    source.reset();
    return wait_for_job(call, job, std::move(answer), fmt::format("receiving image '{}'", printable(name)));
}

// ssh, with a pipe to each of its ends.
struct Remote {
    pid_t process = -1;
    Fd from, to;
};

Result<Remote> start_remote(const std::vector<std::string>& words)
{
    Remote remote;
    Pair out = TRY(make_pipe()), in = TRY(make_pipe());
    std::vector<std::string> copies = words;
    std::vector<char*> argv;
    for (std::string& word : copies) argv.push_back(word.data());
    argv.push_back(nullptr);
    remote.process = ::fork();
    if (remote.process < 0) return sys_error("cannot run ssh");
    if (remote.process == 0) {
        ::dup2(in.first.get(), STDIN_FILENO);
        ::dup2(out.second.get(), STDOUT_FILENO);
        ::execvp(argv[0], argv.data());
        ::_exit(127);
    }
    remote.from = std::move(out.first);
    remote.to = std::move(in.second);
    return remote;
}

Result<> wait_for_remote(pid_t process, const std::string& host)
{
    int status = 0;
    while (::waitpid(process, &status, 0) < 0)
        if (errno != EINTR) return sys_error("cannot wait for ssh");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return error(Errc::NotFound, "ssh, or holmctl on '{}', is not installed", printable(host));
    return error(Errc::Failed, "'{}' has not taken it", printable(host));
}

// "[USER@]HOST[:NAME]"; a host that is an address of IPv6 stands in brackets. NAME is the image's own by default.
struct Destination {
    std::string host, name;
};

Destination parse_destination(const std::string& text, const std::string& image)
{
    const size_t bracket = text.find(']'), colon = text.find(':', bracket == text.npos ? 0 : bracket);
    if (colon == text.npos) return {.host = text, .name = image};
    return {.host = text.substr(0, colon), .name = text.substr(colon + 1)};
}

Result<> copy_to(const Invocation& call, const std::string& image, const Destination& to)
{
    std::vector<std::string> words = {"copy-image", "--receive"};
    for (const char* option : {"--force", "--read-only"})
        if (call.has(option)) words.emplace_back(option);
    words.push_back(to.name);
    const auto command = TRY(ssh_command(to.host, words, SshTerminal::No));
    {
        Client client = TRY(connect(call));
        TRY(client.call("DescribeImage", image));  // before anybody is asked for a password
    }
    Remote remote = TRY(start_remote(command));
    auto sent = send(call, image, remote.from.get(), std::move(remote.to));
    remote.from.reset();
    auto taken = wait_for_remote(remote.process, to.host);
    // Where the other side has hung up it has said why.
    return taken || (!sent && !sent.error().text.contains("Broken pipe") && !sent.error().text.contains(ended_early)) ? sent : taken;
}

}  // namespace

Result<int> copy_image(const Invocation& call)
{
    const bool sends = call.has("--send"), receives = call.has("--receive");
    if (sends && receives) return usage_error(error(Errc::Invalid, "--send and --receive are the two ends of a copy"));
    if (call.operands.size() != (sends || receives ? 1u : 2u))
        return usage_error(error(Errc::Invalid, "copy-image takes IMAGE and [USER@]HOST[:NAME], or one end and IMAGE"));
    const std::string& image = call.operands[0];
    const std::string failure = fmt::format("cannot copy image '{}'", printable(image));
    if (sends) {
        Fd output = TRY(duplicate(STDOUT_FILENO));
        TRY(send(call, image, STDIN_FILENO, std::move(output)), failure);
        return exit_done;
    }
    const Destination to = receives ? Destination{.host = "", .name = image} : parse_destination(call.operands[1], image);
    if (auto name = image::parse_image_name(to.name); !name) return usage_error(name.error());
    if (receives) {
        TRY(receive(call, to.name), failure);
        return exit_done;
    }
    if (auto command = ssh_command(to.host, {}, SshTerminal::No); !command) return usage_error(command.error());
    TRY(copy_to(call, image, to), failure);
    return exit_done;
}

}  // namespace holm::cli::verbs
