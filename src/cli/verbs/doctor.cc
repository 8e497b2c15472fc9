// doctor: what machines need of this host, looked at and judged. Works without holmd.
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "cli/doctor.h"
#include "cli/exit_status.h"
#include "cli/output.h"
#include "cli/properties.h"
#include "cli/verbs/verbs.h"
#include "kernel/mount.h"
#include "rootfs/id_map_probe.h"

namespace holm::cli::verbs {

namespace {

constexpr size_t max_ruleset = 16 << 20;

std::string content_of(const char* path)
{
    return read_file(path, 1 << 20).value_or("");
}

bool any_there(std::initializer_list<const char*> paths)
{
    for (const char* path : paths)
        if (::access(path, F_OK) == 0) return true;
    return false;
}

// What a program of the host prints; "" where it fails.
std::string output_of(const char* path, std::initializer_list<const char*> arguments)
{
    auto pipe = make_pipe();
    if (!pipe) return "";
    const pid_t child = ::fork();
    if (child < 0) return "";
    if (child == 0) {
        std::vector<char*> argv{const_cast<char*>(path)};
        for (const char* argument : arguments) argv.push_back(const_cast<char*>(argument));
        argv.push_back(nullptr);
        const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
        ::dup2(nothing, STDIN_FILENO);
        ::dup2(pipe->second.get(), STDOUT_FILENO);
        ::dup2(nothing, STDERR_FILENO);
        ::execv(path, argv.data());
        ::_exit(127);
    }
    pipe->second.reset();
    auto text = read_all(pipe->first.get(), max_ruleset);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return text && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? *text : "";
}

void observe_kernel(HostFacts& facts)
{
    utsname names{};
    ::uname(&names);
    facts.kernel = names.release;
    struct statfs cgroup{};
    facts.unified_cgroups = ::statfs("/sys/fs/cgroup", &cgroup) == 0 && cgroup.f_type == CGROUP2_SUPER_MAGIC;
    facts.controllers = content_of("/sys/fs/cgroup/cgroup.controllers");
    if (::access("/proc/self/ns/user", F_OK) == 0)
        facts.user_namespaces = parse_number(trim(content_of("/proc/sys/user/max_user_namespaces"))).value_or(0);
    facts.inotify_instances = parse_number(trim(content_of("/proc/sys/fs/inotify/max_user_instances")));
    facts.overlay = content_of("/proc/filesystems").find("\toverlay\n") != std::string::npos ||
                    content_of(fmt::format("/lib/modules/{}/modules.dep", names.release).c_str()).find("/overlay.ko") != std::string::npos;
    facts.forwards = trim(content_of("/proc/sys/net/ipv4/ip_forward")) == "1";
    const Fd netfilter(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
    facts.nf_tables = bool(netfilter);
}

void observe_firewalls(HostFacts& facts)
{
    if (::geteuid() != 0) return;
    for (const char* path : {"/usr/sbin/nft", "/sbin/nft"})
        if (::access(path, X_OK) == 0) {
            const std::string ruleset = output_of(path, {"-j", "list", "chains"});
            if (!ruleset.empty()) facts.dropping = find_dropping_chains(ruleset);
            return;
        }
}

// Of the state folder, or of what it will be made in.
void observe_disk(HostFacts& facts)
{
    Fd folder;
    for (const char* path : {"/var/lib/holm", "/var/lib", "/"})
        if (auto opened = open_file(path, O_RDONLY | O_DIRECTORY); opened && !folder) folder = std::move(*opened);
    struct statvfs status{};
    if (!folder || ::fstatvfs(folder.get(), &status)) return;
    facts.free_bytes = uint64_t{status.f_bavail} * status.f_frsize;
    facts.all_bytes = uint64_t{status.f_blocks} * status.f_frsize;
    facts.free_files = status.f_favail;
    facts.all_files = status.f_files;
    facts.state_file_system = kernel::file_system_name(folder.get());
    if (::geteuid() != 0) return;
    rootfs::IdMapProbe probe;
    if (auto maps = probe.can_be_mapped(folder.get())) facts.maps_ids = *maps;
}

void observe_installed(HostFacts& facts)
{
    facts.machined = any_there({"/usr/lib/systemd/systemd-machined", "/lib/systemd/systemd-machined"});
    facts.dnsmasq = any_there({"/usr/sbin/dnsmasq"});
    facts.polkit = any_there({"/usr/lib/polkit-1/polkitd", "/usr/libexec/polkitd"});
    for (std::string_view line : split(content_of("/etc/nsswitch.conf"), '\n'))
        if (trim(line).starts_with("hosts:") && line.find("mymachines") != line.npos) facts.mymachines = true;
}

void observe_services(HostFacts& facts, const Invocation& call)
{
    if (::access("/run/systemd/system", F_OK) == 0) {
        const std::string text = output_of("/usr/bin/systemctl", {"--version"});  // "systemd 252 (252.22-1)"
        const std::string line = text.substr(0, text.find('\n'));
        const std::vector<std::string_view> words = split(line, ' ');
        facts.systemd = words.size() > 1 ? static_cast<unsigned>(parse_number(words[1], 100000).value_or(1)) : 1;
    }
    auto client = connect(call);
    auto answer = client ? client->manager_properties() : Result<MessageHandle>(client.error());
    auto properties = answer ? read_properties(answer->get()) : Result<Properties>(answer.error());
    if (properties) facts.holmd = text_of(*properties, "Version");
    else facts.holmd_failure = properties.error().text;
}

}  // namespace

Result<int> doctor(const Invocation& call)
{
    HostFacts facts;
    observe_kernel(facts);
    observe_services(facts, call);
    observe_firewalls(facts);
    observe_disk(facts);
    observe_installed(facts);
    const std::vector<Finding> findings = judge_host(facts);
    TRY(print_table(table_of(findings), call, "check"));
    for (const Finding& finding : findings)
        if (finding.verdict == Verdict::Fail) return exit_failed;
    return exit_done;
}

}  // namespace holm::cli::verbs
