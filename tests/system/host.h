// SystemTest: the fixture of every system suite. The suites run inside a throw-away systemd host as root, on the programs as
// installed; `tests/run` starts them there with this environment:
//   HOLM_BENCH      host (namespaces) or vm
//   HOLM_GUEST      a read-only Debian 12 root with systemd        HOLM_BUSYBOX    a small root with a static busybox
//   HOLM_REAL_ROOT  a bind of the host's real root ("/" in the VM)  HOLM_DATA       scratch on a real file system
//   HOLM_LONG=1     full counts
// After each test the host must be as it was before, and no program of holm may have crashed: else the test has failed. Applies.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "process.h"
#include "snapshot.h"

namespace holm::test {

enum class Bench { Host, Vm };
Bench bench();
bool long_form();
// `full` in the long form, else `shortened`.
int count(int full, int shortened);
const std::string& guest();      // HOLM_GUEST
const std::string& real_root();  // HOLM_REAL_ROOT

// The content of a file, "" where it cannot be read.
std::string content_of(const std::string& path);
void write_file(const std::string& path, std::string_view content, unsigned mode = 0644);
bool exists(const std::string& path);
void make_folder(const std::string& path);
// `size` bytes that look random and are the same each time.
std::string pattern(size_t size, unsigned seed = 1);
std::string sha256(std::string_view bytes);
// One hash over names, modes, owners, links, extended attributes and contents of a tree.
std::string hash_of_tree(const std::string& folder);

int holmd_pid();  // 0: does not run
// kill -9 of holmd, and that it is gone.
void kill_holmd();
std::string unit_state(const std::string& unit);  // ActiveState
std::string unit_property(const std::string& unit, const std::string& property);
std::string scope_of(const std::string& name);    // "holm-web.scope"
std::string service_of(const std::string& name);  // "holm@web.service"
std::string bus_path(const std::string& name);    // "/org/holm1/machine/web"
// State of a machine as holmd says, "" where it knows none.
std::string state_of(const std::string& name);
// A property of org.holm1.Machine as busctl prints it: `s "running"`.
std::string machine_property(const std::string& name, const std::string& property);
int leader_of(const std::string& name);           // pid of PID 1 of the machine on the host, 0: none
std::string journal_of(const std::string& unit);  // messages alone

// Assertions that show the whole outcome.
testing::AssertionResult succeeds(const Outcome& outcome);
testing::AssertionResult exits(const Outcome& outcome, int code);
// Whether `word` is somewhere in `text`; shows the text.
testing::AssertionResult has(std::string_view text, std::string_view word);
// Exit `code`, nothing on standard output, one clean line on standard error which has `noun` in it.
testing::AssertionResult refuses(const Outcome& outcome, int code, std::string_view noun);

class SystemTest : public testing::Test {
protected:
    void SetUp() override;
    void TearDown() override;

    // A fresh machine name; that machine, its record and its definition are taken away at the end of the test.
    std::string name(std::string_view stem = "web");
    // Of a test that has holmd end with an error: a crash is a failure all the same.
    void allow_errors_of_holmd() { errors_of_holmd_ = Allowed::Yes; }
    // Takes away a name that the test did not get from name().
    void adopt(const std::string& machine) { machines_.push_back(machine); }
    // A folder of this test on a real file system.
    const std::string& folder();
    // Fresh copies of the guests' roots, to be used in place.
    std::string busybox();
    std::string debian();

    // A definition /etc/holm/machines/NAME.toml.
    void define(const std::string& machine, const std::string& toml);
    // A Debian machine in the background, ephemeral over the guest's root, at `running`.
    std::string boot(std::vector<std::string> options = {});
    // A busybox machine in the background that runs `script` as PID 1.
    std::string background(const std::string& script = "trap 'exit 0' TERM INT; while :; do sleep 1000 & wait $!; done",
                           std::vector<std::string> options = {});
    // The same in the foreground, to its end.
    Outcome foreground(std::vector<std::string> command, std::vector<std::string> options = {}, std::string_view input = {},
                       milliseconds timeout = 60s);
    // Ends a machine at once and forgets it.
    static void take_away(const std::string& machine);

private:
    HostState before_;
    std::string journal_before_;
    Allowed errors_of_holmd_ = Allowed::No;
    std::vector<std::string> machines_;
    std::string folder_;
    int roots_ = 0;
};

// Of tests that change or measure what belongs to the whole kernel: elsewhere they are skipped.
template <typename Fixture>
class OnlyInVm : public Fixture {
protected:
    void SetUp() override
    {
        if (bench() != Bench::Vm) GTEST_SKIP() << "its truth needs the VM";
        Fixture::SetUp();
    }
    void TearDown() override
    {
        if (!this->IsSkipped()) Fixture::TearDown();
    }
};

bool wait_for_state(const std::string& name, std::string_view state, milliseconds timeout = 20s);

// A script of a shell in a machine that runs, by `holmctl exec`.
Outcome inside(const std::string& machine, const std::string& script);
// The value of one line of /proc/PID/status; "" where it has none.
std::string status_line(int pid, std::string_view key);

}  // namespace holm::test
