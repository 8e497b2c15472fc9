#include "cli/doctor.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace holm::cli {

namespace {

constexpr uint64_t gigabyte = 1ull << 30;
constexpr uint64_t enough_instances = 8192;  // of inotify: a guest with systemd takes about six

struct Release {
    unsigned major = 0, minor = 0;
    auto operator<=>(const Release&) const = default;
};

// "6.1.0-18-amd64"
Release parse_release(std::string_view text)
{
    const std::vector<std::string_view> parts = split(text, '.');
    auto number = [&](size_t i) -> unsigned {
        if (i >= parts.size()) return 0;
        const std::string_view digits = parts[i].substr(0, parts[i].find_first_not_of("0123456789"));
        return static_cast<unsigned>(parse_number(digits, 10000).value_or(0));
    };
    return {number(0), number(1)};
}

Finding judge_kernel(const HostFacts& facts)
{
    const Release release = parse_release(facts.kernel);
    if (release < Release{5, 19})
        return {"kernel", Verdict::Fail, facts.kernel, "install Linux 6.1 or later: overlays cannot be id-mapped before 5.19"};
    if (release < Release{6, 1}) return {"kernel", Verdict::Warn, facts.kernel, "install Linux 6.1 or later: holm is tested from there on"};
    return {"kernel", Verdict::Ok, facts.kernel, ""};
}

Finding judge_systemd(const HostFacts& facts)
{
    if (facts.systemd == 0) return {"systemd", Verdict::Fail, "it is not PID 1 of this host", "run holm on a host that systemd has booted"};
    const std::string version = fmt::format("{}", facts.systemd);
    if (facts.systemd < 252) return {"systemd", Verdict::Fail, version, "install systemd 252 or later"};
    return {"systemd", Verdict::Ok, version, ""};
}

Finding judge_cgroups(const HostFacts& facts)
{
    if (facts.unified_cgroups) return {"cgroup v2", Verdict::Ok, "mounted on /sys/fs/cgroup", ""};
    return {"cgroup v2", Verdict::Fail, "/sys/fs/cgroup is not cgroup2", "boot with systemd.unified_cgroup_hierarchy=1"};
}

Finding judge_controllers(const HostFacts& facts)
{
    std::string missing;
    const std::vector<std::string_view> there = split(trim(facts.controllers), ' ');
    for (std::string_view wanted : {"cpu", "cpuset", "io", "memory", "pids"})
        if (std::ranges::find(there, wanted) == there.end()) missing += (missing.empty() ? "" : " ") + std::string(wanted);
    if (missing.empty()) return {"controllers", Verdict::Ok, std::string(trim(facts.controllers)), ""};
    return {"controllers", Verdict::Warn, "missing: " + missing,
            "boot without cgroup_disable= and cgroup v1: limits of these are not enforced"};
}

Finding judge_user_namespaces(const HostFacts& facts)
{
    if (!facts.user_namespaces) return {"user namespaces", Verdict::Fail, "the kernel has none", "use a kernel with CONFIG_USER_NS"};
    const std::string found = fmt::format("at most {}", *facts.user_namespaces);
    if (*facts.user_namespaces == 0) return {"user namespaces", Verdict::Fail, found, "sysctl user.max_user_namespaces=15000"};
    return {"user namespaces", Verdict::Ok, found, ""};
}

Finding judge_inotify(const HostFacts& facts)
{
    if (!facts.inotify_instances) return {"inotify", Verdict::Warn, "not looked at", "see inotify(7)"};
    const std::string found = fmt::format("at most {} instances", *facts.inotify_instances);
    if (*facts.inotify_instances >= enough_instances) return {"inotify", Verdict::Ok, found, ""};
    return {"inotify", Verdict::Warn, fmt::format("{}: for about {} machines with systemd", found, *facts.inotify_instances / 6),
            "apply holm's own limit by 'systemctl restart systemd-sysctl', see sysctl.d(5)"};
}

Finding judge_overlay(const HostFacts& facts)
{
    if (facts.overlay) return {"overlay", Verdict::Ok, "known to the kernel", ""};
    return {"overlay", Verdict::Fail, "unknown to the kernel", "modprobe overlay, or use a kernel with CONFIG_OVERLAY_FS"};
}

Finding judge_id_maps(const HostFacts& facts)
{
    const std::string where = fmt::format("{} of /var/lib/holm", facts.state_file_system);
    if (!facts.maps_ids) return {"id-mapped mounts", Verdict::Warn, "not tried", "run 'holmctl doctor' as root"};
    if (*facts.maps_ids) return {"id-mapped mounts", Verdict::Ok, where, ""};
    return {"id-mapped mounts", Verdict::Fail, where + " cannot be id-mapped",
            "keep holm's state on ext4, xfs or btrfs ([paths] of holm.toml(5))"};
}

Finding judge_nft(const HostFacts& facts)
{
    if (facts.nf_tables) return {"nf_tables", Verdict::Ok, "there", ""};
    return {"nf_tables", Verdict::Fail, "the kernel has none", "modprobe nf_tables, or [network] firewall = \"off\" in holm.toml(5)"};
}

Finding judge_foreign_drops(const HostFacts& facts)
{
    if (!facts.dropping) return {"other firewalls", Verdict::Warn, "not looked at", "run 'holmctl doctor' as root, with nft(8) installed"};
    if (facts.dropping->empty()) return {"other firewalls", Verdict::Ok, "none drops what is forwarded", ""};
    std::string chains;
    for (const std::string& chain : *facts.dropping) chains += (chains.empty() ? "" : ", ") + chain;
    return {"other firewalls", Verdict::Warn, "dropping what is forwarded: " + chains,
            "let them accept the bridges of 'holmctl list-networks'"};
}

Finding judge_forwarding(const HostFacts& facts)
{
    if (facts.forwards.value_or(false)) return {"forwarding", Verdict::Ok, "net.ipv4.ip_forward is 1", ""};
    return {"forwarding", Verdict::Ok, "off; the first network with a way out turns it on", ""};
}

Finding judge_installed(std::string check, bool there, Verdict otherwise, std::string package, const std::string& why)
{
    if (there) return {std::move(check), Verdict::Ok, "installed", ""};
    return {std::move(check), otherwise, "not installed", fmt::format("install {}: {}", package, why)};
}

Finding judge_holmd(const HostFacts& facts)
{
    if (!facts.holmd.empty()) return {"holmd", Verdict::Ok, facts.holmd, ""};
    return {"holmd", Verdict::Fail, facts.holmd_failure, "see 'systemctl status holmd'"};
}

Finding judge_disk(const HostFacts& facts)
{
    auto gigabytes = [](uint64_t bytes) { return static_cast<double>(bytes) / static_cast<double>(gigabyte); };
    const std::string found = fmt::format("{:.1f}G of {:.1f}G free", gigabytes(facts.free_bytes), gigabytes(facts.all_bytes));
    const bool few_files = facts.all_files > 0 && facts.free_files < facts.all_files / 20;
    if (facts.free_bytes < gigabyte / 10) return {"disk", Verdict::Fail, found, "free space where /var/lib/holm lies"};
    if (facts.free_bytes < gigabyte || few_files)
        return {"disk", Verdict::Warn, few_files ? "few inodes are left" : found, "free space where /var/lib/holm lies"};
    return {"disk", Verdict::Ok, found, ""};
}

}  // namespace

std::vector<Finding> judge_host(const HostFacts& facts)
{
    return {judge_kernel(facts),
            judge_systemd(facts),
            judge_holmd(facts),
            judge_cgroups(facts),
            judge_controllers(facts),
            judge_user_namespaces(facts),
            judge_inotify(facts),
            judge_overlay(facts),
            judge_id_maps(facts),
            judge_nft(facts),
            judge_foreign_drops(facts),
            judge_forwarding(facts),
            judge_installed("machined", facts.machined, Verdict::Warn, "systemd-container", "machinectl and names of machines need it"),
            judge_installed("dnsmasq", facts.dnsmasq, Verdict::Warn, "dnsmasq-base", "networks give names and addresses by it"),
            judge_installed("polkit", facts.polkit, Verdict::Warn, "polkitd", "without it root alone is served"),
            judge_installed("names of machines", facts.mymachines, Verdict::Warn, "libnss-mymachines", "the host finds machines by name"),
            judge_disk(facts)};
}

std::string_view describe_verdict(Verdict verdict)
{
    switch (verdict) {
    case Verdict::Ok: return "ok";
    case Verdict::Warn: return "warn";
    case Verdict::Fail: return "fail";
    }
    return "";
}

Table table_of(const std::vector<Finding>& findings)
{
    Table table{.columns = {{"CHECK", "check"},
                            {"RESULT", "result"},
                            {"FOUND", "found", Shown::Always, Overflow::Wrap},
                            {"NEXT STEP", "next", Shown::Always, Overflow::Wrap}},
                .rows = {}};
    for (const Finding& finding : findings)
        table.rows.push_back({finding.check, std::string(describe_verdict(finding.verdict)), finding.found, finding.next});
    return table;
}

}  // namespace holm::cli
