#include "setup/credentials.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/text.h"
#include "kernel/path.h"
#include "kernel/tool.h"
#include "launch/credential.h"

namespace holm::setup {

namespace {

constexpr size_t max_credential = 1 << 20;

// A TPM takes its time.
Result<std::string> decrypt(const std::string& name, int file)
{
    const kernel::Tool tool{
        .path = "/usr/bin/systemd-creds", .arguments = {"decrypt", "--name=" + name, "-", "-"}, .input = file, .most = max_credential};
    auto answer = kernel::run_tool(tool);
    if (!answer && answer.error().code == Errc::NotSupported)
        return error(Errc::NotSupported, "it is encrypted, and this host has no '{}' to decrypt it", tool.path);
    if (!answer) return answer.error();
    if (!answer->exit.by_signal && answer->exit.value == 0) return std::move(answer->output);
    return error(Errc::Failed, "systemd-creds cannot decrypt it: {}", printable(kernel::last_line(answer->errors), 400));
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
