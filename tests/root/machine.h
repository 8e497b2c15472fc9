// A machine without a daemon: the test is holm-setup's supervisor. Roots lie in a scratch folder of /var/tmp, on a real file system.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "kernel/message.h"
#include "kernel/process.h"
#include "launch/plan.h"

namespace holm::test {

inline constexpr uint32_t range_base = 1879048192;  // of the machines' users: far from what hosts use

// A folder of its own in /var/tmp, removed at the end with all mounts and cgroups of the test.
class Scratch {
public:
    Scratch();
    Scratch(const Scratch&) = delete;
    ~Scratch();
    std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

void make_folder(const std::string& path, unsigned mode = 0755);
void write_file(const std::string& path, std::string_view content, unsigned mode = 0644);
std::string read_text(const std::string& path);
// A root with a static busybox at /bin/sh and the like, a few users, and empty /dev, /proc, /sys, /run, /tmp, /etc.
void make_busybox_root(const std::string& path);

// A plan of a command with pipes, a private range, and the privileges and masks of a usual machine.
launch::Plan make_plan(const std::string& root, std::vector<std::string> command);
launch::Plan make_shell_plan(const std::string& root, const std::string& script);

// What one run of holm-setup has said.
struct Said {
    std::optional<Error> error;
    std::string step;  // of the error
    std::vector<std::string> warnings;
    bool started = false;
    Fd leader;  // pidfd
    pid_t pid = 0;
    Fd terminal, notify, memory;
    std::vector<Fd> locks;
    std::vector<std::string> lock_paths;
    std::vector<std::pair<std::string, std::string>> facts;
};

struct Finished {
    Said said;
    std::string output, errors;  // what came on the pipes
    std::optional<kernel::Exit> exit;
};

// The conversation with one holm-setup.
class SetupProcess {
public:
    // Spawns it and sends the request with its descriptors; `pipes` are kept to read from.
    SetupProcess(std::vector<std::string> arguments, kernel::Message request, std::vector<int> fds, int cgroup = -1);
    ~SetupProcess();
    // Until the socket's end.
    Said listen();

private:
    Fd socket_;
    kernel::Child child_;
};

class Machine {
public:
    Machine(const Scratch& scratch, launch::Plan plan);
    ~Machine();

    // Boots with fresh pipes; the payload runs from here on.
    Said& boot(bool locked = false, Fd memory = {});
    // Runs a command inside, to its end.
    Finished exec(std::vector<std::string> command, const std::string& user = "root", const std::string& folder = "");
    kernel::Message exec_request(std::vector<std::string> command) const;
    std::vector<int> exec_fds(const std::vector<int>& pipes) const;
    Said run_setup(kernel::Message request, std::vector<int> fds) const;
    // Waits for the payload's end.
    Finished finish();
    void kill();

    Said said;
    Fd input;           // write end of the payload's standard input
    Fd output, errors;  // read ends
    const launch::Plan& plan() const { return plan_; }

private:
    launch::Plan plan_;
    std::string plan_path_;
    std::string cgroup_path_;
    Fd cgroup_;
};

// Boots, waits, returns all that it wrote.
Finished run(const Scratch& scratch, launch::Plan plan);
// The output of a shell script in a plain machine of that root.
Finished run_script(const Scratch& scratch, const std::string& root, const std::string& script);

}  // namespace holm::test
