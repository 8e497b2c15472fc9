#include "launch/describe.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "launch/credential.h"
#include "launch/describe_property.h"
#include "launch/payload.h"
#include "launch/plan_codecs.h"
#include "machine/grammar.h"
#include "security/capability_set.h"

namespace holm::launch {

namespace {

using machine::MountType;
using rootfs::Upper;

constexpr size_t width = 100;  // of a line of a list of words

// A heading and its lines of name and text; a text of several lines is indented under its first.
class Section {
public:
    explicit Section(std::string_view title) : title_(title) {}

    void line(std::string_view name, std::string_view text)
    {
        for (std::string_view part : split(text, '\n')) rows_.emplace_back(std::exchange(name, ""), part);
    }
    // Words, as many on a line as fit.
    void words(std::string_view name, const std::vector<std::string>& words)
    {
        std::string text;
        for (const std::string& word : words) {
            bool full = text.size() - (text.rfind('\n') + 1) + word.size() > width;
            text += (text.empty() ? "" : full ? "\n" : " ") + word;
        }
        line(name, text.empty() ? "none" : text);
    }
    std::string text() const
    {
        size_t column = 0;
        for (const auto& [name, text] : rows_) column = std::max(column, name.size());
        std::string all = fmt::format("{}\n", title_);
        for (const auto& [name, text] : rows_) all += fmt::format("  {:<{}}  {}\n", name, column, text);
        return all;
    }
    bool empty() const { return rows_.empty(); }

private:
    std::string title_;
    std::vector<std::pair<std::string, std::string>> rows_;
};

std::string long_text(std::string_view text)
{
    return printable(text, 4096);
}

std::vector<std::string> long_texts(const std::vector<std::string>& texts)
{
    std::vector<std::string> all;
    all.reserve(texts.size());
    for (const std::string& text : texts) all.push_back(long_text(text));
    return all;
}

// An argument as a shell would want it.
std::string quoted(const std::string& argument)
{
    constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=+,@%";
    if (!argument.empty() && argument.find_first_not_of(plain) == argument.npos) return argument;
    std::string text = "'";
    for (char c : argument) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return long_text(text + "'");
}

std::string describe_unit(const Plan& plan)
{
    Section section("Unit");
    section.line("name", fmt::format("{} ({})", plan.unit.name, plan.unit.kind == UnitKind::Scope ? "transient scope" : "service"));
    section.line("slice", plan.unit.slice);
    for (const UnitProperty& property : plan.unit.properties) section.line(property.name, describe_property(property));
    return section.text();
}

std::string describe_ids(const machine::IdRange& ids)
{
    switch (ids.mapping) {
    case machine::IdMapping::Range:
        return fmt::format("0-{} inside are {}-{} of the host; on disk 0-{}", ids.count - 1, ids.base, uint64_t{ids.base} + ids.count - 1,
                           ids.count - 1);
    case machine::IdMapping::Identity: return "a user namespace with the same ids as the host";
    case machine::IdMapping::Host: return "no user namespace: root inside is root of the host";
    }
    return "";
}

std::string describe_memory(const rootfs::Plan& plan)
{
    return fmt::format("in memory, at most {}; gone at the end of the unit", machine::describe_size(plan.memory_size));
}

std::string describe_upper(const rootfs::Plan& plan)
{
    if (plan.only_usr) return "only /usr of it, read-only; all else " + describe_memory(plan);
    switch (plan.upper) {
    case Upper::None: return plan.read_only ? "read-only" : "used in place";
    case Upper::Memory: return describe_memory(plan);
    case Upper::Directory:
        return fmt::format("{}{}{}\nwork folder {}", long_text(plan.upper_path),
                           plan.memory_size ? fmt::format(", at most {}", machine::describe_size(plan.memory_size)) : "",
                           plan.empty_at_end ? " (emptied at the end of the unit)" : "", long_text(plan.work_path));
    }
    return "";
}

std::string describe_root(const Plan& plan)
{
    Section section("Root");
    const rootfs::Plan& root = plan.rootfs;
    if (!root.overlay()) section.line("folder", long_text(root.lower.front()));
    for (size_t i = 0; root.overlay() && i < root.lower.size(); ++i)
        section.line(i == 0 ? "layers, topmost first" : "", long_text(root.lower[i]));
    section.line("changes", describe_upper(root));
    section.line("user ids", describe_ids(root.ids));
    for (const std::string& path : plan.locked_paths) section.line("locked for others", long_text(path));
    for (const std::string& path : plan.shared_paths) section.line("locked for writers", long_text(path));
    if (!plan.range_lock.empty()) section.line("locked for others", plan.range_lock);
    return section.text();
}

std::string describe_overlay(const rootfs::Mount& mount)
{
    std::string text = "overlay";
    for (const std::string& layer : rootfs::layers_of(mount)) text += " " + long_text(layer);
    if (!mount.upper.empty()) return text + ", changes in " + long_text(mount.upper);
    return mount.read_only ? text : text + ", changes in memory" + long_text(mount.options);
}

std::string describe_mount(const rootfs::Mount& mount)
{
    std::string text;
    switch (mount.type) {
    case MountType::Bind: text = long_text(mount.source); break;
    case MountType::Tmpfs: text = "tmpfs " + long_text(mount.options); break;
    case MountType::Inaccessible: text = "inaccessible"; break;
    case MountType::Overlay: text = describe_overlay(mount); break;
    case MountType::Volume:
    case MountType::Image: text = "file system of " + long_text(mount.source); break;
    }
    const std::pair<bool, const char*> flags[] = {{mount.read_only, "read-only"},
                                                  {mount.nosuid, "nosuid"},
                                                  {mount.nodev, "nodev"},
                                                  {mount.noexec, "noexec"},
                                                  {mount.optional, "optional"},
                                                  {mount.id_mapped && mount.type != MountType::Tmpfs, "id-mapped"},
                                                  {mount.type == MountType::Bind && !mount.recursive, "without mounts below"}};
    for (const auto& [set, word] : flags)
        if (set) text += fmt::format(", {}", word);
    if (mount.user)
        text += fmt::format(", user {} and group {} of the host are {} inside", mount.user->uid, mount.user->gid, mount.user->id);
    return text;
}

// In the order in which they are made; the kernel's own come with each machine and cannot be chosen.
std::string describe_mounts(const Plan& plan)
{
    Section section("Mounts, in this order");
    std::string root = plan.rootfs.overlay() ? "overlay of the layers" : long_text(plan.rootfs.lower.front());
    if (plan.rootfs.only_usr) section.line("/", "tmpfs"), section.line("/usr", root + ", its usr, read-only");
    else section.line("/", root + (plan.rootfs.read_only ? ", read-only" : ""));
    for (const std::string& path : plan.rootfs.hidden) section.line(long_text(path), "hidden: an empty read-only folder");
    section.line("/dev", "tmpfs with null zero full random urandom tty, fd, ptmx, console, pts, shm, mqueue");
    for (const rootfs::Device& device : plan.rootfs.devices)
        section.line(long_text(device.path), fmt::format("{} device {}:{}, {}", device.block ? "block" : "character", device.major_number,
                                                         device.minor_number, device.access));
    section.line("/run", plan.rootfs.uncovered_kernel_files ? "tmpfs; /run/host read-only, with a proc and a sysfs that nothing covers"
                                                            : "tmpfs; /run/host read-only");
    section.line("/tmp", "tmpfs");
    for (const rootfs::Mount& mount : plan.rootfs.mounts) section.line(long_text(mount.target), describe_mount(mount));
    section.line("/proc", "proc of its own processes");
    section.line("/sys", plan.network.kind == network::Kind::Host ? "sysfs of the host's network" : "sysfs of its own network");
    section.line("/sys/fs/cgroup", "cgroup2, its own subtree");
    return section.text();
}

std::string describe_file(const rootfs::File& file)
{
    using Kind = rootfs::File::Kind;
    switch (file.kind) {
    case Kind::Replace: return fmt::format("{} bytes", file.content.size());
    case Kind::Anew: return fmt::format("{} bytes, in place of a link too", file.content.size());
    case Kind::IfMissing: return fmt::format("{} bytes, if missing", file.content.size());
    case Kind::Symlink: return "link to " + long_text(file.content);
    case Kind::Remove: break;
    }
    return "removed";
}

std::string describe_files(const Plan& plan)
{
    Section section("Files");
    for (const rootfs::File& file : plan.rootfs.files) section.line(long_text(file.path), describe_file(file));
    for (const rootfs::File& file : plan.rootfs.host_files)
        section.line("/run/host/" + long_text(file.path), fmt::format("{} bytes", file.content.size()));
    for (const Credential& credential : plan.credentials)
        section.line(
            "/run/host/credentials/" + long_text(credential.name),
            fmt::format("of {}{}", long_text(credential.path), is_encrypted(credential.path) ? ", decrypted by systemd-creds" : ""));
    return section.empty() ? "" : section.text();
}

std::string describe_processes(const Plan& plan)
{
    const Payload& payload = plan.payload;
    std::string command;
    for (const std::string& argument : payload.command) command += (command.empty() ? "" : " ") + quoted(argument);
    Section section("Processes");
    section.line("supervisor", "/usr/lib/holm/holm-supervisor --machine=" + plan.name.text());
    if (payload.stub) section.line("PID 1", "a small init of holm's that reaps and forwards signals");
    section.line(payload.stub ? "PID 2" : "PID 1", command);
    section.line("init", describe_init(payload.init_kind));
    section.line("user", fmt::format("{}, in {}", printable(payload.user), long_text(payload.working_directory)));
    section.line("hostname", payload.hostname);
    section.line("namespaces", fmt::format("mount pid uts ipc cgroup{}{}{}", plan.network.kind == network::Kind::Host ? "" : " net",
                                           plan.rootfs.ids.has_namespace() ? " user" : "",
                                           plan.security.boottime_offset || plan.security.monotonic_offset ? " time" : ""));
    section.line("console", plan.console == Console::Pipes ? "the client's own standard input, output and error"
                                                           : "a terminal, copied by lines to the journal");
    section.line("running", payload.ready_by_notify ? "when PID 1 says READY=1" : "when it is executed");
    section.line("start timeout", machine::describe_duration(payload.start_timeout));
    section.line("stop", fmt::format("{}, after {} SIGKILL", machine::describe_signal(payload.stop_signal),
                                     machine::describe_duration(payload.stop_timeout)));
    if (plan.remove_at_end) section.line("at the end", "the machine is removed");
    return section.text();
}

std::string describe_environment(const Plan& plan)
{
    Section section("Environment");
    for (const auto& [name, value] : plan.payload.environment) section.line(printable(name), long_text(value));
    return section.text();
}

std::string describe_security(const Plan& plan)
{
    const security::Plan& security = plan.security;
    Section section("Privileges");
    if (!security.runtime.empty()) section.line("sandbox", security.runtime);
    section.words("capabilities", security::describe_capabilities(security.capabilities));
    section.line("no new privileges", security.no_new_privileges ? "yes" : "no");
    section.line("system calls", security.syscalls.profile == security::SyscallProfile::None ? "all" : "what its capabilities call for");
    section.words("allowed too", security.syscalls.allow);
    section.words("denied too", security.syscalls.deny);
    if (security.syscalls.log) section.line("refused calls", "said in the kernel's log");
    for (const auto& [name, limits] : security.rlimits)
        section.line("limit " + name, fmt::format("{}:{}", describe_number(limits.first), describe_number(limits.second)));
    for (const auto& [path, value] : security.sysctls) section.line("kernel " + path, long_text(value));
    if (security.oom_score_adjust) section.line("OOM score", fmt::format("{}", *security.oom_score_adjust));
    if (security.boottime_offset) section.line("boottime", machine::describe_clock_offset(*security.boottime_offset));
    if (security.monotonic_offset) section.line("monotonic", machine::describe_clock_offset(*security.monotonic_offset));
    if (!security.apparmor.empty())
        section.line("AppArmor", long_text(security.apparmor) + (security.own_profile ? " (made by holm)" : ""));
    if (!security.selinux.empty()) section.line("SELinux", long_text(security.selinux));
    if (!plan.rootfs.context.empty()) section.line("SELinux of mounts", long_text(plan.rootfs.context));
    section.words("masked", long_texts(security.masked));
    section.words("read-only", long_texts(security.read_only));
    section.words("writable below", long_texts(security.writable));
    return section.text();
}

// "network lan by hm0123456789ab on holm-lan, 02:…, 10.213.0.5/16, gateway 10.213.0.1, port 8080:80/tcp".
std::string describe_endpoint(const network::Endpoint& endpoint)
{
    std::string text = endpoint.network.empty() ? "" : fmt::format("network {} ", endpoint.network);
    if (endpoint.type == network::EndpointType::Physical)
        text +=
            fmt::format("interface {} of the host, given back at the end, {}", long_text(endpoint.parent), network::describe(endpoint.mac));
    else text += fmt::format("by {} on {}, {}", endpoint.host_interface, long_text(endpoint.parent), network::describe(endpoint.mac));
    if (endpoint.mtu != 0) text += fmt::format(", MTU {}", endpoint.mtu);
    for (const network::Cidr& address : endpoint.addresses) text += fmt::format(", {}", describe(address));
    for (const network::Address& gateway : endpoint.gateways) text += fmt::format(", gateway {}", describe(gateway));
    for (const std::string& alias : endpoint.aliases) text += fmt::format(", alias {}", long_text(alias));
    for (const std::string& rule : endpoint.deny) text += fmt::format(", deny {}", long_text(rule));
    for (const std::string& rule : endpoint.allow) text += fmt::format(", allow {}", long_text(rule));
    for (const network::Publication& published : endpoint.published) text += fmt::format(", port {}", describe(published));
    return text;
}

std::string describe_network(const Plan& plan)
{
    Section section("Network");
    switch (plan.network.kind) {
    case network::Kind::None: section.line("kind", "none: its own, with loopback alone"); break;
    case network::Kind::Host: section.line("kind", "host: the host's own interfaces"); break;
    case network::Kind::Endpoints:
        for (const network::Endpoint& endpoint : plan.network.endpoints) section.line(endpoint.interface, describe_endpoint(endpoint));
        break;
    }
    return section.text();
}

}  // namespace

std::string describe_plan(const Plan& plan)
{
    Section head("Machine " + plan.name.text());
    head.line("id", dashed_uuid(plan.uuid));
    head.line("state", long_text(plan.state));
    for (const std::string& warning : plan.warnings) head.line("warning", long_text(warning));
    const std::string sections[] = {head.text(),
                                    describe_unit(plan),
                                    describe_root(plan),
                                    describe_mounts(plan),
                                    describe_files(plan),
                                    describe_network(plan),
                                    describe_processes(plan),
                                    describe_environment(plan),
                                    describe_security(plan)};
    std::string text;
    for (const std::string& section : sections)
        if (!section.empty()) text += (text.empty() ? "" : "\n") + section;
    return text;
}

}  // namespace holm::launch
