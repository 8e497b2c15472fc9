#include "cli/verbs/bundle.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "base/fd.h"
#include "base/text.h"
#include "base/undo.h"
#include "cli/jobs.h"
#include "cli/journal.h"
#include "cli/properties.h"

namespace holm::cli::verbs {

namespace {

constexpr uint64_t journal_lines = 1000;

std::string journal_of(const std::string& machine)
{
    std::string text;
    auto name = machine::parse_name(machine);
    auto journal = name ? Journal::open(*name) : Result<Journal>(name.error());
    if (!journal || !journal->seek(journal_lines, {})) return "";
    for (;;) {
        auto entry = journal->next();
        if (!entry || !*entry) return text;
        text += describe_entry(**entry, JsonStyle::Short);
    }
}

std::string versions()
{
    utsname host{};
    ::uname(&host);
    return fmt::format("holm {}\n{} {} {} {}\n{}", HOLM_VERSION, host.sysname, host.release, host.version, host.machine,
                       read_regular_file("/etc/os-release", 64 << 10).value_or(""));
}

std::string definition_of(Client& client, const std::string& machine)
{
    auto answer = client.call("ReadDefinition", machine);
    if (!answer) return "";
    auto text = systemd::read<std::string>(answer->get());
    return text ? *text : "";
}

Result<> run_tar(const std::string& folder, const std::string& file)
{
    const char* words[] = {"tar",        "--create",    "--gzip",       "--owner=0", "--group=0", "--file",
                           file.c_str(), "--directory", folder.c_str(), ".",         nullptr};
    pid_t pid = 0;
    if (int failure = ::posix_spawnp(&pid, "tar", nullptr, nullptr, const_cast<char* const*>(words), environ))
        return errno_error(failure, "cannot run tar");
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    if (status != 0) return error(Errc::Failed, "tar could not write '{}'", file);
    return {};
}

}  // namespace

Result<std::string> write_bundle(Client& client, const std::string& machine, const std::string& why)
{
    std::string folder = std::filesystem::temp_directory_path().string() + "/holm-bundle.XXXXXX";
    if (!::mkdtemp(folder.data())) return sys_error("cannot make a folder '{}'", folder);
    Undo remove([&] {
        std::error_code ignored;
        std::filesystem::remove_all(folder, ignored);
    });
    const auto properties = observe_machine(client, machine);
    const auto plan = client.ask<std::string>("PlanMachine", machine);
    const std::pair<const char*, std::string> files[] = {
        {"why.txt", why},
        {"properties.json", properties ? describe_json(*properties, JsonStyle::Pretty) : properties.error().text + "\n"},
        {"definition.toml", definition_of(client, machine)},
        {"plan.txt", plan ? *plan : plan.error().text + "\n"},
        {"journal.json", journal_of(machine)},
        {"versions.txt", versions()},
    };
    for (const auto& [name, text] : files) TRY(replace_file(fmt::format("{}/{}", folder, name), text, 0600));
    const std::string file = fmt::format("{}-why.tar.gz", machine);
    TRY(replace_file(file, "", 0600));
    TRY(run_tar(folder, file));
    return file;
}

}  // namespace holm::cli::verbs
