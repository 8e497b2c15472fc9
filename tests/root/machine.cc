#include "machine.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "kernel/cgroup.h"
#include "kernel/mount.h"
#include "launch/plan_file.h"
#include "must.h"
#include "security/capability_set.h"
#include "security/plan.h"

namespace holm::test {

namespace {

// Mounts of the tests, and /run with its locks, are theirs alone; so is their part of the cgroup tree.
class Fresh : public testing::Environment {
public:
    void SetUp() override
    {
        ::setenv("ASAN_OPTIONS", "detect_leaks=0", 0);  // holm-setup's processes are no debuggable ones
        if (::unshare(CLONE_NEWNS) || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) ||
            ::mount("tmpfs", "/run", "tmpfs", 0, "mode=755")) {
            fprintf(stderr, "these tests need root: %s\n", strerror(errno));
            ::_exit(77);
        }
        Fd top = must(kernel::open_cgroup(must(kernel::cgroup_mount())));
        name() = fmt::format("holm-root-test.{}.{}", ::getpid(), ::time(nullptr));
        must(kernel::make_cgroup(top.get(), name()));
    }
    void TearDown() override
    {
        Fd top = must(kernel::open_cgroup(must(kernel::cgroup_mount())));
        for (int attempt = 0; !kernel::remove_cgroup(top.get(), name()) && attempt < 200; ++attempt) ::usleep(10'000);
    }
    static std::string& name()
    {
        static std::string value;
        return value;
    }
};
[[maybe_unused]] testing::Environment* const fresh = testing::AddGlobalTestEnvironment(new Fresh);

std::string read_to_end(int fd)
{
    return must(read_all(fd, 64 << 20));
}

}  // namespace

Scratch::Scratch()
{
    char name[] = "/var/tmp/holm-root-test.XXXXXX";
    if (!::mkdtemp(name)) abort();
    path_ = name;
    ::chmod(name, 0755);
}

Scratch::~Scratch()
{
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

void make_folder(const std::string& path, unsigned mode)
{
    must(make_folders(path));
    ::chmod(path.c_str(), mode);
}

void write_file(const std::string& path, std::string_view content, unsigned mode)
{
    Fd file = must(open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
    must(write_all(file.get(), content));
    ::fchmod(file.get(), mode);
}

std::string read_text(const std::string& path)
{
    auto content = read_file(path);
    return content ? *content : "<" + content.error().text + ">";
}

void make_busybox_root(const std::string& path)
{
    for (const char* name : {"bin", "dev", "proc", "sys", "run", "tmp", "etc", "root", "usr", "var", "home/alice"})
        make_folder(path + "/" + name);
    std::filesystem::copy_file("/bin/busybox", path + "/bin/busybox");
    for (const char* name : {"sh",   "cat",   "id",       "ls",  "mount",    "umount", "stat",  "touch", "mkdir", "sleep",
                             "true", "false", "env",      "pwd", "readlink", "grep",   "test",  "kill",  "tty",   "ps",
                             "head", "ln",    "hostname", "rm",  "wc",       "cmp",    "mknod", "stty",  "dd",    "uptime"})
        std::filesystem::create_symlink("busybox", path + "/bin/" + name);
    write_file(path + "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n");
    write_file(path + "/etc/group", "root:x:0:\nalice:x:1000:\naudio:x:29:alice,bob\nvideo:x:44:alice\nstaff:x:50:bob\n");
    if (::chown((path + "/home/alice").c_str(), 1000, 1000)) abort();
}

launch::Plan make_plan(const std::string& root, std::vector<std::string> command)
{
    launch::Plan plan;
    plan.name = must(machine::parse_name("test"));
    plan.uuid = "0123456789abcdef0123456789abcdef";
    plan.unit.name = "holm-test.scope";
    plan.unit.slice = "machine.slice";
    plan.console = launch::Console::Pipes;
    plan.rootfs.machine = "test";
    plan.rootfs.ids = {.mapping = machine::IdMapping::Range, .base = range_base, .count = machine::range_size};
    plan.rootfs.lower = {root};
    plan.rootfs.host_files = {{"os-release", "ID=host\n", rootfs::File::Kind::Replace},
                              {"container-manager", "holm\n", rootfs::File::Kind::Replace}};
    plan.payload.command = std::move(command);
    plan.payload.environment = {{"PATH", "/usr/bin:/bin"}, {"container", "holm"}};
    plan.payload.hostname = "test";
    plan.payload.stop_signal = SIGTERM;
    plan.payload.start_timeout = plan.payload.stop_timeout = std::chrono::seconds(90);
    machine::Spec spec;
    spec.payload.boot = true;
    plan.security = must(security::plan_security(spec, security::Interfaces::Own));
    return plan;
}

launch::Plan make_shell_plan(const std::string& root, const std::string& script)
{
    return make_plan(root, {"/bin/sh", "-c", script});
}

SetupProcess::SetupProcess(std::vector<std::string> arguments, kernel::Message request, std::vector<int> fds, int cgroup)
{
    Pair pair = must(make_socket_pair());
    socket_ = std::move(pair.first);
    child_ = must(kernel::clone_process(0, cgroup));
    if (child_.pid == 0) {
        std::vector<char*> list{const_cast<char*>("holm-setup")};
        for (auto& argument : arguments) list.push_back(argument.data());
        list.push_back(nullptr);
        if (pair.second.get() == 3) ::fcntl(3, F_SETFD, 0);
        else ::dup2(pair.second.get(), 3);
        ::execv(SETUP_PROGRAM, list.data());
        ::_exit(99);
    }
    for (int fd : fds) request.fds.push_back(must(duplicate(fd)));
    must(kernel::send_message(socket_.get(), request));
}

SetupProcess::~SetupProcess()
{
    if (auto exit = kernel::wait_exit(child_.pidfd.get()); !exit) fprintf(stderr, "harness: %s\n", exit.error().text.c_str());
}

Said SetupProcess::listen()
{
    Said said;
    for (;;) {
        kernel::Packet packet = must(kernel::receive_packet(socket_.get()));
        auto* message = std::get_if<kernel::Message>(&packet);
        if (!message) return said;
        auto fd = [&] { return message->fds.empty() ? Fd() : std::move(message->fds[0]); };
        if (message->kind == "error") said.error = kernel::error_of(*message), said.step = message->get("step");
        else if (message->kind == "warning") said.warnings.emplace_back(message->get("text"));
        else if (message->kind == "leader") said.pid = static_cast<pid_t>(*message->get_number("pid")), said.leader = fd();
        else if (message->kind == "terminal") said.terminal = fd();
        else if (message->kind == "notify") said.notify = fd();
        else if (message->kind == "memory") said.memory = fd();
        else if (message->kind == "lock") said.lock_paths.emplace_back(message->get("path")), said.locks.push_back(fd());
        else if (message->kind == "started") said.started = true;
        else if (message->kind == "facts") said.facts = message->fields;
        else ADD_FAILURE() << "unknown message " << message->kind;
    }
}

Machine::Machine(const Scratch& scratch, launch::Plan plan) : plan_(std::move(plan))
{
    static int number = 0;
    plan_path_ = scratch / fmt::format("plan-{}.toml", ++number);
    write_file(plan_path_, launch::describe_plan_file(plan_));
    Fd top = must(kernel::open_cgroup(must(kernel::cgroup_mount()) + "/" + Fresh::name()));
    cgroup_ = must(kernel::make_cgroup(top.get(), fmt::format("payload-{}", number)));
}

Machine::~Machine()
{
    kill();
}

Said& Machine::boot(bool locked, Fd memory)
{
    kernel::Message request("boot");
    request.add("plan", plan_path_).add("boots", int64_t{1}).add("locked", int64_t{locked}).add("memory", int64_t{memory ? 1 : 0});
    std::vector<int> fds{cgroup_.get()};
    if (memory) fds.push_back(memory.get());
    Pair in = must(make_pipe()), out = must(make_pipe()), err = must(make_pipe());
    if (plan_.console == launch::Console::Pipes) fds.insert(fds.end(), {in.first.get(), out.second.get(), err.second.get()});
    said = SetupProcess({}, std::move(request), fds).listen();
    input = std::move(in.second), output = std::move(out.first), errors = std::move(err.first);
    return said;
}

kernel::Message Machine::exec_request(std::vector<std::string> command) const
{
    kernel::Message request("exec");
    request.add("plan", plan_path_);
    for (auto& argument : command) request.add("arg", argument);
    return request;
}

std::vector<int> Machine::exec_fds(const std::vector<int>& pipes) const
{
    std::vector<int> fds{said.leader.get(), cgroup_.get()};
    fds.insert(fds.end(), pipes.begin(), pipes.end());
    return fds;
}

// As the supervisor does: a command's process is cloned into the machine's cgroup.
Said Machine::run_setup(kernel::Message request, std::vector<int> fds) const
{
    Said answer = SetupProcess({"--exec"}, std::move(request), std::move(fds), cgroup_.get()).listen();
    // A zombie of ours in its pid namespace would keep the machine's first process from ending.
    if (answer.error && answer.leader) must(kernel::wait_exit(answer.leader.get())), answer.leader.reset();
    return answer;
}

Finished Machine::exec(std::vector<std::string> command, const std::string& user, const std::string& folder)
{
    Finished finished;
    Pair in = must(make_pipe()), out = must(make_pipe()), err = must(make_pipe());
    kernel::Message request = exec_request(std::move(command));
    request.add("user", user).add("workdir", folder);
    finished.said = run_setup(std::move(request), exec_fds({in.first.get(), out.second.get(), err.second.get()}));
    in = {}, out.second.reset(), err.second.reset();
    finished.output = read_to_end(out.first.get());
    finished.errors = read_to_end(err.first.get());
    if (finished.said.leader) finished.exit = must(kernel::wait_exit(finished.said.leader.get()));
    return finished;
}

Finished Machine::finish()
{
    Finished finished;
    input.reset();
    if (plan_.console == launch::Console::Pipes) {
        finished.output = read_to_end(output.get());
        finished.errors = read_to_end(errors.get());
    }
    if (said.leader) finished.exit = must(kernel::wait_exit(said.leader.get()));
    finished.said = std::move(said);
    said = {};
    return finished;
}

void Machine::kill()
{
    if (!said.leader) return;
    std::ignore = kernel::signal_process(said.leader.get(), SIGKILL);
    std::ignore = kernel::wait_exit(said.leader.get());
    said.leader.reset();
}

Finished run(const Scratch& scratch, launch::Plan plan)
{
    Machine machine(scratch, std::move(plan));
    machine.boot();
    return machine.finish();
}

Finished run_script(const Scratch& scratch, const std::string& root, const std::string& script)
{
    return run(scratch, make_shell_plan(root, script));
}

}  // namespace holm::test
