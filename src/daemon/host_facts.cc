#include "daemon/host_facts.h"

#include <limits.h>
#include <linux/magic.h>
#include <sys/sysinfo.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "machine/guest_files.h"

namespace holm::daemon {

namespace {

constexpr size_t most_text = 64 << 10;  // of a file that is copied into machines

// A file's text; "" of one that is not there or that a plan cannot hold. What machines get of it is a courtesy.
std::string text_of(const char* path)
{
    Result<std::string> text = read_regular_file(path, most_text);
    return text && is_valid_utf8(*text) && !text->contains('\0') ? *text : "";
}

// "Europe/Berlin" of /etc/localtime -> ../usr/share/zoneinfo/Europe/Berlin: localtime(5).
std::string observe_zone()
{
    char target[PATH_MAX];
    ssize_t length = readlink("/etc/localtime", target, sizeof target);
    std::string_view link(target, length > 0 ? static_cast<size_t>(length) : 0);
    constexpr std::string_view folder = "/zoneinfo/";
    size_t at = link.find(folder);
    if (at == link.npos) return "";
    std::string_view zone = link.substr(at + folder.size());
    return is_valid_utf8(zone) && !zone.contains("..") ? std::string(zone) : "";
}

std::string find_runtime(std::string_view program)
{
    if (program.empty()) return "";
    for (const char* folder : launch::runtime_folders)
        if (std::string path = fmt::format("{}/{}", folder, program); ::access(path.c_str(), X_OK) == 0) return path;
    return "";
}

}  // namespace

Result<launch::HostFacts> observe_host(const machine::Spec& spec)
{
    const std::string& timezone = spec.identity.timezone;
    launch::HostFacts facts;
    struct sysinfo memory;
    if (sysinfo(&memory)) return sys_error("cannot read the size of memory");
    facts.memory = uint64_t{memory.totalram} * memory.mem_unit;
    struct statfs cgroup;
    facts.unified_cgroup = statfs("/sys/fs/cgroup", &cgroup) == 0 && cgroup.f_type == CGROUP2_SUPER_MAGIC;
    if (facts.unified_cgroup) facts.controllers = text_of(launch::controllers_file);
    facts.apparmor = text_of("/sys/module/apparmor/parameters/enabled").starts_with('Y');
    facts.selinux = ::access("/sys/fs/selinux/enforce", F_OK) == 0;
    facts.runtime = find_runtime(machine::runtime_of(spec.security));
    facts.os_release = text_of("/etc/os-release");
    if (facts.os_release.empty()) facts.os_release = text_of("/usr/lib/os-release");  // os-release(5)
    facts.zone = machine::names_zone(timezone) ? timezone : observe_zone();
    facts.has_zone = !facts.zone.empty() && ::access(("/usr/share/zoneinfo/" + facts.zone).c_str(), F_OK) == 0;
    for (launch::ResolverFile& resolver : facts.resolvers) resolver.content = text_of(resolver.path.c_str());
    return facts;
}

}  // namespace holm::daemon
