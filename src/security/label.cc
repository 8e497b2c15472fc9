#include "security/label.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "kernel/path.h"

namespace holm::security {

namespace {

// One write(2) is one word of the kernel's. A machine that runs has a /proc of which its root may cover what it likes
// (CVE-2019-16884): the file is this process's own, or none.
Result<> write_attribute(const char* name, const std::string& value)
{
    Fd file = TRY(kernel::open_own_attribute(name));
    if (::write(file.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size())) return sys_error("cannot write it");
    return {};
}

Result<> set_profile(const std::string& profile)
{
    auto done = write_attribute("apparmor/exec", "exec " + profile);
    if (!done && done.error().sys_errno == ENOENT) done = write_attribute("exec", "exec " + profile);  // before Linux 5.8
    if (done) return {};
    if (done.error().sys_errno == ENOENT)
        return error(Errc::NotFound, "AppArmor has no profile '{}': load it with apparmor_parser(8)", printable(profile, 200));
    return errno_error(done.error().sys_errno, "cannot take on the profile '{}' of AppArmor", printable(profile, 200));
}

Result<> set_context(const std::string& context)
{
    auto done = write_attribute("exec", context);
    if (done) return {};
    return errno_error(done.error().sys_errno, "cannot take on the context '{}' of SELinux", printable(context, 200));
}

}  // namespace

Result<> label_next_program(const Plan& plan)
{
    if (!plan.apparmor.empty()) TRY(set_profile(plan.apparmor));
    if (!plan.selinux.empty()) TRY(set_context(plan.selinux));
    return {};
}

}  // namespace holm::security
