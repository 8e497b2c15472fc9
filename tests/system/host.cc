#include "host.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include <sys/stat.h>
#include <unistd.h>
#include <csignal>

#include "base/text.h"

namespace holm::test {

namespace fs = std::filesystem;

namespace {

std::string setting(const char* key)
{
    const char* value = getenv(key);
    return value ? value : "";
}

const std::string& folder_of(const char* key)
{
    static std::map<std::string, std::string> known;
    std::string& value = known[key];
    if (value.empty()) value = setting(key);
    if (value.empty()) ADD_FAILURE() << key << " is not set: these tests are started by tests/run";
    return value;
}

// Refuses to run anywhere but in a throw-away host, and has holm make what it makes at its first use.
class Host : public testing::Environment {
public:
    void SetUp() override
    {
        if (setting("HOLM_BENCH").empty() || geteuid() != 0 || !exists("/run/systemd/system")) {
            fputs("these tests change the host they run on: start them with tests/run\n", stderr);
            exit(2);
        }
        signal(SIGPIPE, SIG_IGN);
        if (!setting("HOLM_PHASE").empty()) return;  // looks at the host as it has come up
        sh("systemctl reset-failed; systemctl start holmd.service dbus.service");
        sh("holmctl run --rm --root=\"$HOLM_BUSYBOX\" --read-only -- /bin/true");
        eventually([] { return sh("ls -d /sys/fs/cgroup/machine.slice/holm* 2>/dev/null").out.empty(); });
        eventually([] { return sh("systemctl list-units --all --plain --no-legend 'holm-network@*'").out.empty(); });
    }
};

const auto* const host = testing::AddGlobalTestEnvironment(new Host);

std::string encoded(const std::string& machine)
{
    std::string text;
    for (char c : machine) {
        bool plain = isalpha(static_cast<unsigned char>(c)) || (isdigit(static_cast<unsigned char>(c)) && !text.empty());
        text += plain ? std::string(1, c) : fmt::format("_{:02x}", static_cast<unsigned char>(c));
    }
    return text;
}

}  // namespace

Bench bench()
{
    return setting("HOLM_BENCH") == "vm" ? Bench::Vm : Bench::Host;
}
bool long_form()
{
    return !setting("HOLM_LONG").empty();
}
int count(int full, int shortened)
{
    return long_form() ? full : shortened;
}
const std::string& guest()
{
    return folder_of("HOLM_GUEST");
}
const std::string& real_root()
{
    return folder_of("HOLM_REAL_ROOT");
}

// ---- files ----------------------------------------------------------------------------------------------------------

std::string content_of(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    std::ostringstream content;
    content << file.rdbuf();
    return content.str();
}

void write_file(const std::string& path, std::string_view content, unsigned mode)
{
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
    ASSERT_EQ(chmod(path.c_str(), mode), 0) << path;
}

bool exists(const std::string& path)
{
    struct stat status;
    return lstat(path.c_str(), &status) == 0;
}

void make_folder(const std::string& path)
{
    std::error_code error;
    fs::create_directories(path, error);
    ASSERT_FALSE(error) << path << ": " << error.message();
}

std::string pattern(size_t size, unsigned seed)
{
    std::mt19937 draw(seed);
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(draw());
    return bytes;
}

std::string sha256(std::string_view bytes)
{
    return run({"sha256sum"}, bytes).out.substr(0, 64);
}

std::string hash_of_tree(const std::string& folder)
{
    return run({"bash", "-c",
                "tar --sort=name --numeric-owner --xattrs --xattrs-include='*' --pax-option=delete=atime,delete=ctime -C \"$1\" -cf - . | "
                "sha256sum",
                "-", folder},
               {}, 120s)
        .out.substr(0, 64);
}

// ---- holm and systemd -----------------------------------------------------------------------------------------------

std::string unit_property(const std::string& unit, const std::string& property)
{
    return std::string(trim(run({"systemctl", "show", "-P", property, unit}).out));
}

std::string unit_state(const std::string& unit)
{
    return unit_property(unit, "ActiveState");
}

int holmd_pid()
{
    return static_cast<int>(parse_number(unit_property("holmd.service", "MainPID")).value_or(0));
}

void kill_holmd()
{
    int pid = holmd_pid();
    if (pid == 0) return;
    kill(pid, SIGKILL);
    EXPECT_TRUE(eventually([&] { return kill(pid, 0) != 0; })) << "holmd is still there after SIGKILL";
    run({"systemctl", "reset-failed", "holmd.service"});  // no test is about systemd's start limit
}

std::string scope_of(const std::string& name)
{
    return "holm-" + name + ".scope";
}
std::string service_of(const std::string& name)
{
    return "holm@" + name + ".service";
}
std::string bus_path(const std::string& name)
{
    return "/org/holm1/machine/" + encoded(name);
}

std::string machine_property(const std::string& name, const std::string& property)
{
    return std::string(trim(run({"busctl", "get-property", "org.holm1", bus_path(name), "org.holm1.Machine", property}).out));
}

std::string state_of(const std::string& name)
{
    auto parts = split(machine_property(name, "State"), '"');
    return parts.size() == 3 ? std::string(parts[1]) : "";
}

int leader_of(const std::string& name)
{
    std::string value = machine_property(name, "Leader");  // `u 1234`
    return value.starts_with("u ") ? atoi(value.c_str() + 2) : 0;
}

bool wait_for_state(const std::string& name, std::string_view state, milliseconds timeout)
{
    return eventually([&] { return state_of(name) == state; }, timeout);
}

std::string journal_of(const std::string& unit)
{
    run({"journalctl", "--sync"});
    return run({"journalctl", "--no-pager", "-o", "cat", "-u", unit}).out;
}

// ---- assertions -----------------------------------------------------------------------------------------------------

testing::AssertionResult exits(const Outcome& outcome, int code)
{
    if (outcome.code == code) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "expected code " << code << ", got " << testing::PrintToString(outcome);
}

testing::AssertionResult succeeds(const Outcome& outcome)
{
    return exits(outcome, 0);
}

testing::AssertionResult has(std::string_view text, std::string_view word)
{
    bool found = text.find(word) != std::string_view::npos;
    return (found ? testing::AssertionSuccess() : testing::AssertionFailure()) << (found ? "'" : "no '") << printable(word) << "' in:\n"
                                                                               << text.substr(0, 6000);
}

testing::AssertionResult refuses(const Outcome& outcome, int code, std::string_view noun)
{
    auto failure = [&](std::string_view what) {
        return testing::AssertionFailure() << what << ": expected code " << code << " and one line with '" << noun << "', got "
                                           << testing::PrintToString(outcome);
    };
    if (outcome.code != code) return failure("wrong code");
    if (!outcome.out.empty()) return failure("something on standard output");
    if (outcome.err.empty() || outcome.err.back() != '\n') return failure("no line on standard error");
    std::string line = outcome.err.substr(0, outcome.err.size() - 1);
    if (code != 2 && line.find('\n') != std::string::npos) return failure("more than one line");
    if (std::ranges::any_of(outcome.err, [](unsigned char c) { return c != '\n' && (c < 32 || c == 127); }))
        return failure("control bytes");
    if (outcome.err.find(noun) == std::string::npos) return failure("the noun is missing");
    return testing::AssertionSuccess();
}

// ---- the fixture ----------------------------------------------------------------------------------------------------

void SystemTest::SetUp()
{
    before_ = observe_host();
    journal_before_ = journal_position();
}

void SystemTest::TearDown()
{
    for (const std::string& machine : machines_) take_away(machine);
    if (!folder_.empty()) run({"rm", "-rf", "--one-file-system", folder_});
    std::string difference;
    bool same = eventually([&] { return (difference = describe_difference(before_, observe_host())).empty(); }, 5s);
    EXPECT_TRUE(same) << "the host is not as it was before:\n" << difference;
    EXPECT_EQ(describe_crashes(journal_before_, errors_of_holmd_), "") << "a program of holm has crashed";
}

void SystemTest::take_away(const std::string& machine)
{
    auto ended = [](const std::string& unit) {
        std::string state = unit_state(unit);
        return state == "inactive" || state == "failed";
    };
    for (const std::string& unit : {scope_of(machine), service_of(machine)}) {
        if (!ended(unit)) {
            holmctl({"terminate", machine}, {}, 10s);
            if (!eventually([&] { return ended(unit); }, 5s)) run({"systemctl", "kill", "-s", "KILL", unit});
            eventually([&] { return ended(unit); });
        }
        run({"systemctl", "reset-failed", unit});
    }
    std::string definition = "/etc/holm/machines/" + machine + ".toml";
    bool known = exists(definition) || exists("/var/lib/holm/machines/" + machine) || exists("/run/holm/machines/" + machine);
    if (known)
        if (Outcome removed = holmctl({"remove", machine}); removed.code) fmt::print("remove {}: {}", machine, removed.err);
    fs::remove(definition);
    fs::remove_all(definition + ".d");
}

std::string SystemTest::name(std::string_view stem)
{
    static int number = 0;
    machines_.push_back(fmt::format("{}-{}", stem, ++number));
    return machines_.back();
}

const std::string& SystemTest::folder()
{
    static int number = 0;
    if (folder_.empty()) {
        folder_ = fmt::format("{}/test-{}-{}", folder_of("HOLM_DATA"), getpid(), ++number);
        make_folder(folder_);
    }
    return folder_;
}

std::string SystemTest::busybox()
{
    std::string root = fmt::format("{}/root-{}", folder(), ++roots_);
    EXPECT_TRUE(succeeds(run({"cp", "-a", folder_of("HOLM_BUSYBOX"), root})));
    return root;
}

std::string SystemTest::debian()
{
    std::string root = fmt::format("{}/root-{}", folder(), ++roots_);
    EXPECT_TRUE(succeeds(run({"cp", "-a", "--reflink=auto", guest(), root}, {}, 120s)));
    return root;
}

void SystemTest::define(const std::string& machine, const std::string& toml)
{
    make_folder("/etc/holm/machines");
    write_file("/etc/holm/machines/" + machine + ".toml", toml);
}

std::string SystemTest::boot(std::vector<std::string> options)
{
    std::string machine = name("deb");
    std::vector<std::string> arguments = {"run", "--detach", "--boot", "--ephemeral", "--name=" + machine, "--lower=" + guest()};
    arguments.insert(arguments.end(), options.begin(), options.end());
    EXPECT_TRUE(succeeds(holmctl(arguments)));
    EXPECT_TRUE(succeeds(holmctl({"wait", machine, "ready", "--timeout=60s"})));
    return machine;
}

std::string SystemTest::background(const std::string& script, std::vector<std::string> options)
{
    std::string machine = name("bg");
    std::vector<std::string> arguments = {"run", "--detach", "--name=" + machine, "--root=" + busybox()};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.insert(arguments.end(), {"--", "/bin/sh", "-c", script});
    EXPECT_TRUE(succeeds(holmctl(arguments)));
    EXPECT_TRUE(wait_for_state(machine, "running")) << "state: " << state_of(machine);
    return machine;
}

Outcome SystemTest::foreground(std::vector<std::string> command, std::vector<std::string> options, std::string_view input,
                               milliseconds timeout)
{
    std::vector<std::string> arguments = {"run", "--rm", "--name=" + name("fg"), "--root=" + busybox()};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.push_back("--");
    arguments.insert(arguments.end(), command.begin(), command.end());
    return holmctl(arguments, input, timeout);
}

Outcome inside(const std::string& machine, const std::string& script)
{
    return holmctl({"exec", machine, "--", "/bin/sh", "-c", script});
}

std::string status_line(int pid, std::string_view key)
{
    const std::string text = content_of(fmt::format("/proc/{}/status", pid));
    for (std::string_view line : split(text, '\n'))
        if (line.starts_with(fmt::format("{}:", key))) return std::string(trim(line.substr(key.size() + 1)));
    return "";
}

}  // namespace holm::test
