#include "machine/failure.h"

#include <cerrno>
#include <csignal>

#include <array>

#include <fmt/format.h>

namespace holm::machine {

namespace {

constexpr RunStep steps[] = {
    {"plan", "definition, host and image are looked at, and a plan is made"},
    {"unit", "systemd makes the unit"},
    {"program", "holm-setup runs"},
    {"lock", "upper and layers are locked against other machines"},
    {"users", "the range of user ids"},
    {"limits", "resource limits"},
    {"cgroup", "the cgroup of the payload"},
    {"namespaces", "namespaces"},
    {"credentials", "credentials are read and decrypted"},
    {"sources", "what is mounted is looked up"},
    {"root", "the root is put together"},
    {"network", "links and addresses"},
    {"user", "the payload's user"},
    {"console", "the console"},
    {"security", "capabilities and the filter of system calls"},
    {"command", "the command is executed"},
    {"sandbox", "the runtime makes a sandbox"},
    {"ready", "the payload becomes ready"},
    {"run", "the payload runs"},
    {"stop", "the payload is stopped in order"},
    {"end", "what is left is killed and taken away"},
};

struct OfErrno {
    int number;
    std::string_view hint;
};

constexpr OfErrno of_errno[] = {
    {ENOSPC, "a file system is full: see df(1) and df -i"},
    {EDQUOT, "a quota of disk space is used up"},
    {EADDRINUSE, "another program has the port or the address: see ss -lntup"},
    {EMFILE, "too many open files: see LimitNOFILE= of holmd.service"},
    {ENFILE, "the host has too many open files: see sysctl fs.file-max"},
    {EAGAIN, "a limit of processes was reached: see TasksMax and sysctl kernel.pid_max"},
    {ENOMEM, "memory is short: see MemoryMax of the machine and of its slice"},
    {EROFS, "a file system is read-only"},
    {ENODEV, "the kernel has no such device or file system: a module may have to be loaded"},
    {ENOSYS, "the kernel does not know a system call: see uname -r"},
    {ETXTBSY, "the file is being written"},
    {ELOOP, "symbolic links lead in circles"},
    {ESTALE, "a network file system has lost the file"},
    {EIO, "a disk or network file system fails: see dmesg"},
};

bool has(const std::string& text, std::string_view word)
{
    return text.find(word) != text.npos;
}

// Refused by some authority: which, depends on where.
std::string hint_of_refusal(const Failure& failure)
{
    if (failure.step == "sources" || failure.step == "root")
        return "the kernel or a security module refuses the mount: see dmesg, and security.users for file systems that map no ids";
    if (failure.step == "command" || failure.step == "run") return "see security.capabilities, security.devices and the mode of the file";
    return "the kernel or a security module refuses it: see dmesg";
}

}  // namespace

std::span<const RunStep> run_steps()
{
    return steps;
}

std::vector<std::string> find_hints(const Failure& failure, std::string_view machine)
{
    std::vector<std::string> hints;
    if (failure.memory_kills || has(failure.why, "out of memory") || has(failure.why, "ran out of memory"))
        hints.push_back(
            fmt::format("the memory limit was reached: raise MemoryMax ('holmctl set {} MemoryMax=1G'), or that of the slice", machine));
    if (failure.tasks_refused)
        hints.push_back(
            fmt::format("TasksMax refused {} forks: raise it ('holmctl set {} TasksMax=8192')", failure.tasks_refused, machine));
    if (failure.signal == SIGSYS)
        hints.emplace_back("the filter of system calls ended it: see 'journalctl -k' for type=1326, and security.syscalls");
    if (!failure.guest_unit.empty())
        hints.push_back(
            fmt::format("'holmctl logs {0}' has what it has said of {1}; while it starts or runs, 'holmctl exec {0} systemctl status {1}' "
                        "tells more",
                        machine, failure.guest_unit));
    if (failure.sys_errno == EPERM || failure.sys_errno == EACCES) hints.push_back(hint_of_refusal(failure));
    for (const OfErrno& one : of_errno)
        if (one.number == failure.sys_errno && !has(failure.why, "which is refused")) hints.emplace_back(one.hint);
    if (failure.step == "ready")
        hints.push_back(fmt::format("see payload.ready and payload.start_timeout of its definition, and 'holmctl logs {}'", machine));
    if (has(failure.why, "did not stop within"))
        hints.emplace_back("see payload.stop_signal and payload.stop_timeout: the payload may not take notice of the signal");
    if (has(failure.why, "shutdown_timeout"))
        hints.emplace_back(
            "see payload.stop_signal: the payload may not take notice of the signal; or give machines more time for a shutdown");
    if (has(failure.why, "restart_limit")) hints.push_back(fmt::format("'holmctl logs {}' has what each of its boots has said", machine));
    return hints;
}

}  // namespace holm::machine
