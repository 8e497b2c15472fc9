#include "daemon/identity.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "api/names.h"
#include "base/handle.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/read_files.h"
#include "launch/identity_file.h"

namespace holm::daemon {

namespace {

using launch::Identity;
using launch::TakenRange;
using machine::IdMapping;
using machine::UsersKind;

std::string identity_path(const machine::MachineName& name)
{
    return api::state_path(name) + "/identity.toml";
}

ReadFiles<Identity>& known_identities()
{
    static ReadFiles<Identity> known([](std::string_view text, const std::string& path) { return launch::parse_identity(text, path); },
                                     4096);
    return known;
}

// The names that have a folder of state, but `but`.
std::vector<machine::MachineName> list_others(const machine::MachineName& but)
{
    std::vector<machine::MachineName> names;
    Handle<DIR, closedir> folder(opendir(api::state_machines_folder));
    if (!folder) return names;
    while (const dirent* entry = readdir(folder.get()))
        if (auto name = machine::parse_name(entry->d_name); name && *name != but) names.push_back(*name);
    return names;
}

// What machines and the tools of shadow hold. One broken identity must not stop all machines: it is said and skipped.
std::vector<TakenRange> observe_taken(const machine::MachineName& but)
{
    std::vector<TakenRange> taken;
    for (const machine::MachineName& name : list_others(but)) {
        auto identity = read_identity(name);
        if (!identity) log_warning("{}", identity.error().text);
        else if (*identity && (*identity)->ids.base)
            taken.push_back({(*identity)->ids.base, (*identity)->ids.count, fmt::format("machine '{}'", name.text())});
    }
    for (const char* file : {"/etc/subuid", "/etc/subgid"})
        if (auto text = read_regular_file(file)) std::ranges::move(launch::parse_subordinate_ids(*text, file), std::back_inserter(taken));
    for (const char* file : {"/etc/passwd", "/etc/group"})
        if (auto text = read_regular_file(file)) std::ranges::move(launch::parse_own_ids(*text, file), std::back_inserter(taken));
    return taken;
}

// systemd-nspawn's mark of a range in use: a locked file named after its first id. Ours bear the machine's name: of one that runs and
// is planned meanwhile it is its own.
bool is_nspawns(uint32_t base, const machine::MachineName& name)
{
    auto file = open_file(fmt::format("/run/systemd/nspawn-uid/{}", base), O_RDWR | O_NOFOLLOW);
    if (!file) return false;
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (fcntl(file->get(), F_OFD_GETLK, &lock) || lock.l_type == F_UNLCK) return false;
    auto holder = read_all(file->get(), 256);
    return !holder || trim(*holder) != name.text();
}

// Whether no other user database of the host (LDAP, systemd-homed, …) knows the range: by its first id, as nspawn looks.
bool is_free(uint32_t base, const machine::MachineName& name)
{
    if (is_nspawns(base, name)) return false;
    // nss-systemd would ask machined, which may hang and knows of no range that the marks and our own files do not tell, and PID 1,
    // whose dynamic users are below 65536 (systemd's docs/ENVIRONMENT.md). We are in a child of holmd: its environment is for this alone.
    setenv("SYSTEMD_BYPASS_USERDB", "io.systemd.Multiplexer:io.systemd.Machine:io.systemd.DynamicUser", 1);
    return !getpwuid(base) && !getgrgid(base);
}

bool serves(const machine::IdRange& kept, std::span<const TakenRange> taken, const machine::MachineName& name)
{
    return kept.base != 0 && kept.count == machine::range_size && !launch::find_overlap(kept.base, kept.count, taken) &&
           !is_nspawns(kept.base, name);
}

Result<machine::IdRange> choose_range(const IdentityRequest& request, const machine::IdRange& kept)
{
    switch (request.users.kind) {
    case UsersKind::Identity: return machine::IdRange{IdMapping::Identity, 0, UINT32_MAX};
    case UsersKind::Host: return machine::IdRange{IdMapping::Host, 0, UINT32_MAX};
    case UsersKind::Range: return launch::check_range(request.users.base, request.users.count, observe_taken(request.name));
    case UsersKind::Auto: break;
    }
    std::vector<TakenRange> taken = observe_taken(request.name);
    if (serves(kept, taken, request.name)) return kept;
    return launch::pick_range(request.name.text(), request.pool, taken, [&](uint32_t base) { return is_free(base, request.name); });
}

}  // namespace

Result<Fd> lock_ranges()
{
    TRY(make_folders(api::runtime_folder));
    Fd file = TRY(open_file(std::string(api::runtime_folder) + "/ranges.lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
    while (flock(file.get(), LOCK_EX))
        if (errno != EINTR) return sys_error("cannot lock the ranges of user ids");
    return file;
}

Result<Identity> choose_identity(const IdentityRequest& request)
{
    Identity identity = TRY(read_identity(request.name)).value_or(Identity{});
    if (identity.uuid.empty()) identity.uuid = request.uuid.empty() ? TRY(draw_uuid()) : request.uuid;
    identity.ids = TRY(choose_range(request, identity.ids));
    return identity;
}

Result<std::optional<Identity>> read_identity(const machine::MachineName& name)
{
    return known_identities().read(identity_path(name));
}

void forget_identity(const machine::MachineName& name)
{
    known_identities().forget(identity_path(name));
}

Result<> write_identity(const machine::MachineName& name, const Identity& identity, Durable durable)
{
    TRY(make_folders(api::state_machines_folder, 0700));
    TRY(make_folders(api::state_path(name), 0700));
    return replace_file(identity_path(name), launch::describe_identity(identity), 0600, durable);
}

Result<std::string> draw_uuid()
{
    std::array<unsigned char, 16> bytes;
    if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return sys_error("cannot draw random bytes");
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
    std::string text;
    for (unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
    return text;
}

}  // namespace holm::daemon
