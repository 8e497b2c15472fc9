#include "setup/payload.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "kernel/path.h"
#include "kernel/process.h"
#include "launch/payload.h"
#include "security/apply.h"
#include "security/label.h"
#include "setup/stub.h"

namespace holm::setup {

namespace {

std::string_view get_variable(const Environment& environment, std::string_view name)
{
    for (auto& [key, value] : environment)
        if (key == name) return value;
    return {};
}

// As that user, and through no magic link: a path such as /proc/1/cwd may lead out of the machine (CVE-2024-21626).
Result<> enter_working_directory(const std::string& path)
{
    if (!path.starts_with('/')) return error(Errc::Invalid, "the working directory '{}' is not an absolute path", printable(path));
    auto folder = kernel::open_source(path, O_PATH | O_DIRECTORY);
    if (!folder)
        return errno_error(folder.error().sys_errno, "cannot use the working directory '{}' of the machine (make it, or name another)",
                           printable(path));
    if (::fchdir(folder->get())) return sys_error("cannot use the working directory '{}' of the machine", printable(path));
    return {};
}

// "/bin/zsh" of a script that begins with "#! /bin/zsh -e"; "" of anything else.
std::string find_interpreter(const std::string& program)
{
    std::array<char, 256> head;  // all of the line that the kernel reads (BINPRM_BUF_SIZE)
    const Fd file(::open(program.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    const ssize_t size = file ? ::read(file.get(), head.data(), head.size()) : 0;
    std::string_view line(head.data(), size > 0 ? static_cast<size_t>(size) : 0);
    if (!line.starts_with("#!")) return {};
    line = trim(line.substr(2, line.find('\n') - 2));
    return std::string(line.substr(0, line.find_first_of(" \t")));
}

Error not_executable(int number, const std::string& program)
{
    std::string reason;
    switch (number) {
    case ENOEXEC: reason = "it is no program of this architecture, and no script that names its interpreter by #!"; break;
    case ENOENT: {
        const std::string interpreter = find_interpreter(program);
        reason = interpreter.empty() ? "it is there, but its loader is not"
                                     : fmt::format("it is there, but its interpreter '{}' is not", printable(interpreter));
        break;
    }
    case EACCES: reason = "no permission, not a regular file, or on a mount with noexec"; break;
    default: reason = strerrordesc_np(number); break;
    }
    Error failure = error(Errc::NotExecutable, "cannot execute '{}' in the machine: {}", printable(program), reason);
    failure.sys_errno = number;
    return failure;
}

// 0 where this user may execute the file, else an errno of access(2) or EACCES for what is no regular file.
int check_program(const std::string& path)
{
    struct stat status;
    if (::stat(path.c_str(), &status)) return errno;
    if (!S_ISREG(status.st_mode)) return EACCES;
    return ::access(path.c_str(), X_OK) ? errno : 0;
}

// execvp(3)'s search, done before "started" is said, so that what is wrong with the command is told as such.
Result<std::string> find_program(const std::string& name, std::string_view search_path)
{
    auto absent = [](int number) { return number == ENOENT || number == ENOTDIR; };
    if (name.contains('/')) {
        int number = check_program(name);
        if (number == 0) return name;
        if (absent(number)) return error(Errc::NoCommand, "the machine has no command '{}'", printable(name));
        return not_executable(number, name);
    }
    if (search_path.empty()) search_path = launch::default_path;
    std::optional<Error> refused;
    for (std::string_view folder : split(search_path, ':')) {
        std::string candidate = fmt::format("{}/{}", folder.empty() ? "." : folder, name);
        int number = name.empty() ? ENOENT : check_program(candidate);
        if (number == 0) return candidate;
        if (!absent(number) && !refused) refused = not_executable(number, candidate);
    }
    if (refused) return *refused;
    return error(Errc::NoCommand, "the machine has no command '{}' in {}", printable(name), printable(search_path));
}

Result<> execute(const Launch& launch, const std::string& program)
{
    ::execve(program.c_str(), pointers_of(launch.argv).data(), pointers_of(variables_of(launch.environment)).data());
    int number = errno;
    if (number == ENOMEM || number == E2BIG || number == EAGAIN || number == EMFILE || number == ENFILE)
        return errno_error(number, "cannot execute '{}' in the machine", printable(program));
    return not_executable(number, program);
}

Result<std::string> find_asked_program(const Launch& launch)
{
    return find_program(launch.program.empty() ? launch.argv[0] : launch.program, get_variable(launch.environment, "PATH"));
}

Result<std::string> find_as_user(const Launch& launch)
{
    TRY(security::drop_privileges(launch.security, launch.user));
    TRY(enter_working_directory(launch.working_directory));
    return find_asked_program(launch);
}

}  // namespace

Result<> make_working_directory(int root, const std::string& path)
{
    auto made = kernel::make_folder_in_root(root, path, kernel::Links::Inside);
    if (made || made.error().sys_errno == EACCES) return {};
    return errno_error(made.error().sys_errno,
                       "cannot make the working directory '{}' that the image asks for (payload.working_directory names another)",
                       printable(path));
}

// A change of credentials would clear it. Had the supervisor died before, nobody would take "started".
Result<> die_with_supervisor()
{
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL)) return sys_error("cannot ask to end with the supervisor");
    return {};
}

std::vector<char*> pointers_of(const std::vector<std::string>& strings)
{
    std::vector<char*> list;
    for (auto& string : strings) list.push_back(const_cast<char*>(string.c_str()));
    list.push_back(nullptr);
    return list;
}

std::vector<std::string> variables_of(const Environment& environment)
{
    std::vector<std::string> variables;
    variables.reserve(environment.size());
    for (auto& [name, value] : environment) variables.push_back(fmt::format("{}={}", name, value));
    return variables;
}

Result<std::string> look_for_program(const Launch& launch)
{
    Pair sockets = TRY(make_socket_pair());
    kernel::Child child = TRY(kernel::clone_process(0), "cannot make the process that looks for the command");
    if (child.pid == 0) {
        auto found = find_as_user(launch);
        kernel::Message answer = found ? std::move(kernel::Message("found").add("program", *found)) : kernel::error_message(found.error());
        ::_exit(kernel::send_message(sockets.second.get(), answer) ? 0 : 1);
    }
    sockets.second.reset();
    auto answer = kernel::receive_message(sockets.first.get());
    std::ignore = kernel::wait_exit(child.pidfd.get());
    const kernel::Message found = TRY(std::move(answer));
    if (found.kind == "error") return kernel::error_of(found);
    return std::string(found.get("program"));
}

void set_variable(Environment& environment, const std::string& name, const std::string& value)
{
    auto at = std::find_if(environment.begin(), environment.end(), [&](auto& variable) { return variable.first == name; });
    if (at != environment.end()) at->second = value;
    else environment.emplace_back(name, value);
}

void complete_environment(Environment& environment, const kernel::User& user)
{
    auto set_missing = [&](const char* name, const std::string& value) {
        bool set = std::any_of(environment.begin(), environment.end(), [&](auto& variable) { return variable.first == name; });
        if (!set && !value.empty()) environment.emplace_back(name, value);
    };
    set_missing("HOME", user.home);
    set_missing("USER", user.name);
    set_missing("LOGNAME", user.name);
}

Result<> launch_payload(Launch launch, Status& status)
{
    status.enter("console");
    TRY(attach_streams(launch.streams, launch.user));
    launch.streams = {};
    TRY(kernel::close_descriptors_but({status.socket()}));
    status.enter("security");
    TRY(security::label_next_program(launch.security));
    TRY(security::drop_privileges(launch.security, launch.user));
    status.enter("command");
    TRY(enter_working_directory(launch.working_directory));
    const std::string program = TRY(find_asked_program(launch));
    ::umask(022);
    TRY(die_with_supervisor());
    auto filter_calls = [&] { return security::apply_filter(launch.security, launch.filter); };
    if (launch.init == Init::Stub) TRY(become_stub(status.socket(), filter_calls));  // goes on in the child
    TRY(kernel::start_session(::isatty(0) ? 0 : -1));
    TRY(status.send(kernel::Message("started")));
    // Last, so that what the definition denies is denied to the program alone.
    TRY(filter_calls());
    return execute(launch, program);
}

}  // namespace holm::setup
