#include "security/load_profile.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "kernel/tool.h"
#include "security/profile.h"

namespace holm::security {

namespace {

Result<Fd> file_of(const std::string& text)
{
    Fd file(::memfd_create("profile", MFD_CLOEXEC));
    if (!file) return sys_error("cannot make a file in memory");
    TRY(write_all(file.get(), text));
    if (::lseek(file.get(), 0, SEEK_SET)) return sys_error("cannot rewind a file in memory");
    return file;
}

}  // namespace

Result<> load_profile(const machine::MachineName& machine)
{
    const Fd text = TRY(file_of(describe_profile(machine)));
    auto answer = kernel::run_tool({.path = "/usr/sbin/apparmor_parser", .arguments = {"--replace", "--skip-cache"}, .input = text.get()});
    if (!answer && answer.error().code == Errc::NotSupported)
        return error(Errc::NotSupported, "a generated profile of AppArmor needs apparmor_parser(8): install the package apparmor");
    if (!answer) return answer.error();
    if (!answer->exit.by_signal && answer->exit.value == 0) return {};
    return error(Errc::Failed, "apparmor_parser cannot load the profile '{}': {}", profile_name(machine),
                 printable(kernel::last_line(answer->errors), 400));
}

Result<> remove_profile(const machine::MachineName& machine)
{
    const std::string name = profile_name(machine);
    auto file = open_file("/sys/kernel/security/apparmor/.remove", O_WRONLY);
    if (!file && file.error().sys_errno == ENOENT) return {};
    if (!file) return file.error();
    // One write(2) is one name.
    if (::write(file->get(), name.data(), name.size()) < 0 && errno != ENOENT) return sys_error("cannot remove the profile '{}'", name);
    return {};
}

}  // namespace holm::security
