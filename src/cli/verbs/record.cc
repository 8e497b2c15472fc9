// record: what a machine, or a command in it, calls of the kernel, and the smallest profile with which it would run.
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include <fmt/ranges.h>

#include "base/fd.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/exit_status.h"
#include "cli/output.h"
#include "cli/properties.h"
#include "cli/recording.h"
#include "cli/session.h"
#include "cli/verbs/verbs.h"
#include "machine/grammar.h"

namespace holm::cli::verbs {

namespace {

constexpr size_t max_report = 1 << 20;

// Of libseccomp, which no other verb needs: loaded for this one alone.
Result<SyscallName> syscall_names()
{
    using Resolve = char* (*)(uint32_t, int);
    constexpr uint32_t native = 0;  // SCMP_ARCH_NATIVE
    void* library = ::dlopen("libseccomp.so.2", RTLD_NOW);
    auto resolve = library ? reinterpret_cast<Resolve>(::dlsym(library, "seccomp_syscall_resolve_num_arch")) : nullptr;
    if (!resolve) return error(Errc::NotSupported, "cannot name system calls without libseccomp: install libseccomp2");
    return [resolve](int number) {
        char* name = resolve(native, number);
        std::string text = name ? name : fmt::format("{}", number);
        ::free(name);
        return text;
    };
}

struct Asked {
    const Invocation& call;
    std::string machine;
    std::chrono::microseconds time{0};
    bool whole_machine() const { return call.command.empty(); }
};

systemd::Options options_of(const Asked& asked)
{
    systemd::Options options;
    if (asked.call.has("--user")) options["user"] = asked.call.value("--user");
    if (asked.call.has("--workdir")) options["workdir"] = asked.call.value("--workdir");
    return options;
}

enum class Streams { Own, None };

Result<std::vector<Fd>> open_streams(Streams streams)
{
    std::vector<Fd> fds;
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        // What the command says is not part of the profile.
        const int own = fd == STDOUT_FILENO ? STDERR_FILENO : fd;
        fds.push_back(streams == Streams::Own ? TRY(duplicate(own)) : TRY(open_file("/dev/null", O_RDWR)));
    }
    return fds;
}

Result<SessionEnd> run_once(const Asked& asked, const systemd::Options& options, const std::vector<Fd>& fds, CaughtSignals& signals)
{
    Client client = TRY(connect(asked.call));
    Fd session = TRY(client.ask<Fd>("Exec", asked.machine, options, asked.call.command, asked.call.values("--env"), fds));
    return run_session(std::move(session), SessionStyle{.quiet = asked.call.has("--quiet")}, signals);
}

struct Recorded {
    std::string report;
    int status = 0;
};

Result<Recorded> record_once(const Asked& asked, CaughtSignals& signals)
{
    Pair report = TRY(make_pipe());
    std::vector<Fd> fds = TRY(open_streams(Streams::Own));
    fds.push_back(std::move(report.second));
    systemd::Options options = options_of(asked);
    options["record"] = true;
    options["for"] = static_cast<uint64_t>(asked.time.count());
    const SessionEnd end = TRY(run_once(asked, options, fds, signals));
    fds.clear();
    return Recorded{.report = TRY(read_all(report.first.get(), max_report)), .status = exit_status_of_session(end)};
}

Result<int> status_with(const Asked& asked, const std::vector<std::string>& capabilities, CaughtSignals& signals)
{
    systemd::Options options = options_of(asked);
    options["limited"] = true;
    options["capabilities"] = fmt::format("{}", fmt::join(capabilities, " "));
    const std::vector<Fd> fds = TRY(open_streams(Streams::None));
    const SessionEnd end = TRY(run_once(asked, options, fds, signals));
    return exit_status_of_session(end);
}

// By trial, as nothing in the kernel says which one a call was granted for: without all, else without one after the other.
Result<std::vector<std::string>> find_needed(const Asked& asked, const Recorded& first, std::vector<std::string> kept,
                                             CaughtSignals& signals)
{
    if (TRY(status_with(asked, {}, signals)) == first.status) return std::vector<std::string>();
    if (TRY(status_with(asked, kept, signals)) != first.status)
        return error(Errc::Failed, "the command does not end twice alike: what it needs cannot be told by trying");
    for (size_t i = 0; i < kept.size();) {
        std::vector<std::string> fewer = kept;
        fewer.erase(fewer.begin() + static_cast<ptrdiff_t>(i));
        if (TRY(status_with(asked, fewer, signals)) == first.status) kept = std::move(fewer);
        else ++i;
    }
    return kept;
}

Properties describe_as_json(const Recording& recording, const std::optional<std::vector<std::string>>& needed)
{
    Properties made = {
        {"processes", recording.processes}, {"foreign", recording.foreign}, {"calls", recording.calls}, {"refused", recording.refused}};
    if (needed) made["capabilities"] = *needed;
    return made;
}

Result<Asked> read_words(const Invocation& call)
{
    Asked asked{.call = call, .machine = call.operands[0]};
    asked.time = TRY(machine::parse_duration(call.value("--for", "10s")));
    if (call.has("--capabilities") && asked.whole_machine())
        return error(Errc::Invalid, "--capabilities tries a command again and again: name one");
    return asked;
}

}  // namespace

Result<int> record(const Invocation& call)
{
    const Asked asked = TRY(read_words(call));
    const std::string what = fmt::format("cannot record machine '{}'", printable(asked.machine));
    const SyscallName name = TRY(syscall_names(), what);
    CaughtSignals signals = TRY(CaughtSignals::open());
    if (asked.whole_machine()) tell(fmt::format("Watching machine '{}' …", printable(asked.machine)), call);
    const Recorded recorded = TRY(record_once(asked, signals), what);
    const Recording recording = TRY(parse_recording(recorded.report, name), what);
    std::optional<std::vector<std::string>> needed;
    if (call.has("--capabilities")) needed = TRY(find_needed(asked, recorded, recording.capabilities, signals), what);
    const std::string title = asked.whole_machine() ? fmt::format("machine '{}'", printable(asked.machine))
                                                    : fmt::format("'{}', exit status {}", printable(call.command[0]), recorded.status);
    TRY(print(call.json == JsonStyle::Off ? describe_profile(recording, title, needed)
                                          : describe_json(describe_as_json(recording, needed), call.json)));
    return exit_done;
}

}  // namespace holm::cli::verbs
