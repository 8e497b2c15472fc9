// holmd is killed with -9 at its every action of a start and of a stop: after its restart each machine is either fully there
// or fully gone, and what ran beside goes on. strace(1) ends holmd at the Nth system call of a kind; holmd alone is traced, so
// what it spawns lives on. The long form takes every N of every kind; the short form some of each.
#include <algorithm>
#include <memory>

#include <csignal>

#include "base/text.h"
#include "host.h"

namespace holm::test {

// System calls by which holmd acts on something outside of itself, as strace names them.
static const std::vector<std::string> actions = {"sendmsg", "sendto",   "write",      "writev",     "clone3",  "clone",  "vfork",
                                                 "rename",  "renameat", "renameat2",  "mkdir",      "mkdirat", "unlink", "unlinkat",
                                                 "rmdir",   "fsync",    "socketpair", "pidfd_open", "connect"};

class KillPointsTest : public SystemTest {
protected:
    // Traces holmd with `arguments` while `act` runs; what strace printed.
    template <typename Act>
    std::string traced(std::vector<std::string> arguments, Act act)
    {
        std::string log = folder() + "/strace";
        arguments.insert(arguments.begin(), {"strace", "-q", "-p", std::to_string(holmd_pid()), "-o", log});
        Process strace(arguments);
        EXPECT_TRUE(eventually(
            [] { return content_of(fmt::format("/proc/{}/status", holmd_pid())).find("TracerPid:\t0\n") == std::string::npos; }));
        act();
        strace.signal(SIGINT);
        strace.wait(5s);
        return content_of(log);
    }

    // How many calls of each kind holmd makes while `act` runs.
    template <typename Act>
    std::map<std::string, int> counted(Act act)
    {
        std::string list;
        for (const std::string& action : actions) list += (list.empty() ? "" : ",") + action;
        std::map<std::string, int> calls;
        for (std::string_view line : split(traced({"-e", "trace=" + list}, act), '\n'))
            if (size_t bracket = line.find('('); bracket != std::string_view::npos) calls[std::string(line.substr(0, bracket))]++;
        return calls;
    }

    static void bring_holmd_back()
    {
        run({"systemctl", "reset-failed", "holmd.service"});
        EXPECT_TRUE(eventually([] { return holmctl({"list"}).code == 0; }, 20s)) << "holmd does not come back";
    }

    // Either all of it or nothing of it, soon.
    void expect_whole_or_gone(const std::string& machine, const std::string& when)
    {
        std::string seen;
        bool settled = eventually(
            [&] {
                std::string unit = unit_state(scope_of(machine)), state = state_of(machine);
                bool folder = exists("/sys/fs/cgroup/machine.slice/" + scope_of(machine)),
                     registered = exists("/run/systemd/machines/" + machine);
                bool runs = unit == "active" && state == "running" && folder && registered &&
                            holmctl({"exec", machine, "--", "/bin/true"}).code == 0;
                bool gone = unit == "inactive" && (state.empty() || state == "stopped" || state == "failed") && !folder && !registered;
                seen = fmt::format("unit {}, state '{}', cgroup {}, machined {}", unit, state, folder, registered);
                return runs || gone;
            },
            15s);
        EXPECT_TRUE(settled) << "holmd killed at " << when << ": half a machine: " << seen;
    }

    // The numbers to try of `calls`: all in the long form, else first, middle and last.
    static std::vector<int> points(int calls)
    {
        std::vector<int> tried;
        for (int n = 1; n <= calls; n++)
            if (long_form() || n == 1 || n == calls || n == (calls + 1) / 2) tried.push_back(n);
        return tried;
    }

    // Kills holmd at each point of `act`, which is given a fresh machine each time, prepared by `prepare`.
    template <typename Prepare, typename Act>
    void kill_everywhere(Prepare prepare, Act act)
    {
        std::string beside = background("i=0; while :; do i=$((i+1)); echo $i >/count; sleep 0.1; done");
        int beside_leader = leader_of(beside);
        std::string probe = prepare();
        auto calls = counted([&] { act(probe); });
        take_away(probe);
        ASSERT_FALSE(calls.empty()) << "strace saw nothing of holmd";
        int kills = 0;
        for (const auto& [action, times] : calls) {
            for (int point : points(times)) {
                std::string when = fmt::format("{} {}/{}", action, point, times), machine = prepare();
                int pid = holmd_pid();
                traced({"-e", "trace=" + action, "-e", fmt::format("inject={}:signal=KILL:when={}", action, point)}, [&] { act(machine); });
                if (holmd_pid() != pid) kills++;
                bring_holmd_back();
                expect_whole_or_gone(machine, when);
                EXPECT_EQ(leader_of(beside), beside_leader) << when;
                take_away(machine);
                EXPECT_FALSE(exists("/run/holm/machines/" + machine)) << when;
                EXPECT_FALSE(exists("/var/lib/holm/machines/" + machine)) << when;
            }
        }
        EXPECT_GT(kills, 3) << "holmd was hardly ever killed";
        EXPECT_EQ(state_of(beside), "running");
    }
};

TEST_F(KillPointsTest, OfAStart)
{
    std::string root = busybox();
    kill_everywhere([&] { return name("kill"); },
                    [&](const std::string& machine) {
                        holmctl({"run", "--detach", "--name=" + machine, "--root=" + root, "--", "/bin/sh", "-c", "exec sleep 1000"}, {},
                                20s);
                        sleep_for(100ms);
                    });
}

TEST_F(KillPointsTest, OfAStop)
{
    std::string root = busybox();
    kill_everywhere(
        [&] {
            std::string machine = name("kill");
            holmctl({"run", "--detach", "--name=" + machine, "--root=" + root, "--", "/bin/sh", "-c",
                     "trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done"});
            EXPECT_TRUE(wait_for_state(machine, "running"));
            return machine;
        },
        [&](const std::string& machine) {
            holmctl({"stop", machine}, {}, 20s);
            sleep_for(100ms);
        });
}

TEST_F(KillPointsTest, OfTheStartOfAService)
{
    std::string root = busybox();
    kill_everywhere(
        [&] {
            std::string machine = name("kill");
            define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n", root));
            return machine;
        },
        [&](const std::string& machine) {
            run({"systemctl", "start", service_of(machine)}, {}, 20s);
            sleep_for(100ms);
            // A service is judged here: it is the unit that systemd knows, whatever became of holmd.
            std::string state = unit_state(service_of(machine));
            EXPECT_TRUE(state == "active" || state == "failed" || state == "inactive") << state;
            run({"systemctl", "stop", service_of(machine)});
        });
}

TEST_F(KillPointsTest, OfAnExecAndAnAttach)
{
    std::string machine = background();
    auto calls = counted([&] { holmctl({"exec", machine, "--", "/bin/true"}); });
    for (const auto& [action, times] : calls) {
        for (int point : points(times)) {
            traced({"-e", "trace=" + action, "-e", fmt::format("inject={}:signal=KILL:when={}", action, point)}, [&] {
                Outcome outcome = holmctl({"exec", machine, "--", "/bin/sh", "-c", "exit 3"}, {}, 10s);
                EXPECT_TRUE(outcome.code == 3 || outcome.code == 125) << action << " " << point << ": " << testing::PrintToString(outcome);
            });
            bring_holmd_back();
            EXPECT_TRUE(succeeds(holmctl({"exec", machine, "--", "/bin/true"})));
        }
    }
    EXPECT_EQ(state_of(machine), "running");
}

// A holmd so slow that the supervisor has come and gone before it is met.
TEST_F(KillPointsTest, AServiceThatEndsBeforeHoldmMeetsItHasEnded)
{
    std::string machine = name();
    for (const auto& [command, state] : {std::pair{"true", "stopped"}, std::pair{"false", "failed"}}) {
        define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/{}\"]\n", busybox(), command));
        traced({"-e", "trace=connect", "-e", "inject=connect:delay_enter=500000"}, [&] {
            holmctl({"start", machine});
            EXPECT_TRUE(wait_for_state(machine, state)) << state_of(machine);
        });
    }
    EXPECT_TRUE(has(machine_property(machine, "LastFailure"), "status 1"));
}

}  // namespace holm::test
