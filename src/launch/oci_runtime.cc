#include "launch/oci_runtime.h"

#include "security/capability_set.h"

namespace holm::launch {

namespace {

// RFC 8259.
std::string quoted(std::string_view text)
{
    std::string json = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') json += '\\';
        if (static_cast<unsigned char>(c) < 0x20) json += fmt::format("\\u{:04x}", c);
        else json += c;
    }
    return json + "\"";
}

std::string list_of(const std::vector<std::string>& strings)
{
    std::string list;
    for (const std::string& string : strings) list += (list.empty() ? "" : ",") + quoted(string);
    return "[" + list + "]";
}

// runsc knows no later one than CAP_AUDIT_READ, and has none of what those are for.
constexpr uint64_t known_capabilities = (uint64_t{1} << 38) - 1;

std::string describe_capability_sets(const Plan& plan, bool root)
{
    const std::string all = list_of(security::describe_capabilities(plan.security.capabilities & known_capabilities));
    const std::string own = root ? all : "[]";
    return fmt::format(R"({{"bounding":{},"effective":{},"permitted":{},"inheritable":[],"ambient":[]}})", all, own, own);
}

std::string describe_limits(const security::Plan& plan)
{
    std::string list;
    for (const auto& [name, limits] : plan.rlimits)
        list += fmt::format(R"({}{{"type":"RLIMIT_{}","soft":{},"hard":{}}})", list.empty() ? "" : ",", name, limits.first, limits.second);
    return "[" + list + "]";
}

bool is_runsc(const Plan& plan)
{
    return plan.security.runtime.ends_with("/runsc");
}

std::vector<std::string> command_line(const Plan& plan, const std::vector<std::string>& command)
{
    std::vector<std::string> line = {plan.security.runtime.substr(plan.security.runtime.rfind('/') + 1), "--root=/state",
                                     fmt::format("--log=/{}", oci_log)};
    // The network namespace, the cgroup and the upper are the machine's own already; others may write to its files too.
    if (is_runsc(plan))
        for (const char* option : {"--network=host", "--ignore-cgroups", "--overlay2=none", "--file-access=shared"}) line.push_back(option);
    line.insert(line.end(), command.begin(), command.end());
    return line;
}

}  // namespace

std::string describe_oci_process(const Plan& plan, const OciProcess& process)
{
    return fmt::format(
        R"({{"terminal":{},"user":{{"uid":{},"gid":{},"additionalGids":[{}]}},"args":{},"env":{},"cwd":{},"capabilities":{},"rlimits":{},)"
        R"("noNewPrivileges":true}})",
        process.terminal, process.uid, process.gid, fmt::join(process.groups, ","), list_of(process.arguments),
        list_of(process.environment), quoted(process.working_directory), describe_capability_sets(plan, process.uid == 0),
        describe_limits(plan.security));
}

std::string describe_oci_config(const Plan& plan, const OciProcess& process, std::string_view tmp)
{
    // Without a mount, runsc would lay an empty file system over an empty /tmp.
    std::string mounts;
    if (!tmp.empty()) mounts = fmt::format(R"({{"destination":"/tmp","type":"bind","source":{},"options":["rbind"]}})", quoted(tmp));
    // A read-only root is a read-only mount already; to say so here would make all that is mounted in it so.
    return fmt::format(R"({{"ociVersion":"1.0.2","root":{{"path":"root"}},"hostname":{},"process":{},"mounts":[{}],)"
                       R"("linux":{{"namespaces":[{{"type":"pid"}},{{"type":"mount"}},{{"type":"ipc"}},{{"type":"uts"}}]}}}})",
                       quoted(plan.payload.hostname), describe_oci_process(plan, process), mounts);
}

std::vector<std::string> oci_run(const Plan& plan)
{
    return command_line(plan, {"run", "--bundle=/", fmt::format("--pid-file=/{}", oci_pid), plan.name.text()});
}

std::vector<std::string> oci_exec(const Plan& plan, const std::string& process, const std::string& pid_file)
{
    return command_line(plan, {"exec", "--process=" + process, "--internal-pid-file=" + pid_file, plan.name.text()});
}

std::vector<std::string> oci_kill(const Plan& plan, int signal, const std::string& pid)
{
    std::vector<std::string> command = {"kill"};
    if (!pid.empty()) command.push_back("--pid=" + pid);
    command.insert(command.end(), {plan.name.text(), fmt::format("{}", signal)});
    return command_line(plan, command);
}

std::string last_oci_error(std::string_view log)
{
    constexpr std::string_view key = "\"msg\":\"";
    const size_t at = log.rfind(key);
    if (at == log.npos) return "";
    log.remove_prefix(at + key.size());
    std::string text;
    for (; !log.empty() && log.front() != '"'; log.remove_prefix(1)) {
        if (log.front() == '\\' && log.size() > 1) log.remove_prefix(1);
        text += log.front();
    }
    return text;
}

}  // namespace holm::launch
