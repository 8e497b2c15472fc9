// org.holm1 on the bus: what it promises to clients, and that no client, root or nobody, brings holmd down.
#include <algorithm>
#include <csignal>
#include <memory>
#include <set>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "host.h"

namespace holm::test {

using Json = nlohmann::json;

class DbusTest : public SystemTest {
protected:
    static std::vector<std::string> call(std::vector<std::string> arguments, std::string_view interface = "org.holm1.Manager",
                                         std::string_view path = "/org/holm1")
    {
        std::vector<std::string> argv = {"busctl", "--timeout=20", "call", "org.holm1", std::string(path), std::string(interface)};
        argv.insert(argv.end(), arguments.begin(), arguments.end());
        return argv;
    }
    static Outcome manager(std::vector<std::string> arguments) { return run(call(std::move(arguments))); }
    static Outcome manager_as_nobody(std::vector<std::string> arguments)
    {
        auto argv = call(std::move(arguments));
        argv.insert(argv.begin(), {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"});
        return run(argv);
    }

    // Every message of org.holm1 while `act` runs, until `enough` of them say so.
    template <typename Act, typename Enough>
    std::vector<Json> signals(Act act, Enough enough)
    {
        Process monitor({"busctl", "--json=short", "--match=type='signal',sender='org.holm1'", "monitor"});
        sleep_for(500ms);
        act();
        std::vector<Json> found;
        eventually([&] {
            monitor.expect_bytes(monitor.out().size() + 1, 100ms);
            found.clear();
            for (std::string_view line : split(monitor.out(), '\n')) {
                Json message = Json::parse(line, nullptr, false);
                if (message.is_object()) found.push_back(message);
            }
            return enough(found);
        });
        monitor.signal(SIGTERM);
        return found;
    }
    static bool said(const std::vector<Json>& messages, std::string_view member, std::string_view word)
    {
        return std::ranges::any_of(messages, [&](const Json& message) {
            return message.value("member", "") == member && message.value("payload", Json()).dump().find(word) != std::string::npos;
        });
    }
};

TEST_F(DbusTest, ErrorsHaveNamesAndSentences)
{
    std::string running = background();
    auto error_name = [](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"python3", "-c", R"py(
import subprocess, sys
process = subprocess.Popen(['busctl', 'monitor', '--json=short', "--match=type='error',sender='org.holm1'"], stdout=subprocess.PIPE, text=True)
import time, json, threading
time.sleep(0.5)
subprocess.run(sys.argv[1:], capture_output=True)
threading.Timer(3, process.kill).start()
for line in process.stdout:
    message = json.loads(line)
    if message.get('type') == 'error':
        print(message['error_name'], message['payload']['data'][0])
        process.kill()
        break
)py"});
        return run(arguments).out;
    };
    for (const auto& [arguments, expected] : std::vector<std::pair<std::vector<std::string>, std::string>>{
             {{"GetMachine", "s", "no-such-machine"}, "org.holm1.Error.NotFound "},
             {{"StartMachine", "s", "a_b"}, "org.holm1.Error.Invalid "},
             {{"CreateMachine", "ss", running, "[root]\npath=\"/srv\"\n"}, "org.holm1.Error.Exists "},
             {{"RemoveMachine", "s", running}, "org.holm1.Error.Busy "},
             {{"Verify", "ss", "web", "nonsense = 1\n"}, "org.holm1.Error.Invalid "}}) {
        std::string error = error_name(call(arguments));
        EXPECT_TRUE(error.starts_with(expected)) << arguments[0] << ": " << error;
        EXPECT_GT(error.size(), expected.size() + 10) << "no sentence: " << error;
    }
}

TEST_F(DbusTest, SignalsAndJobs)
{
    std::string machine = name(), root = busybox();
    auto messages = signals(
        [&] {
            EXPECT_TRUE(succeeds(holmctl({"run", "--detach", "--name=" + machine, "--root=" + root, "--", "/bin/sleep", "1000"})));
            EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
        },
        [&](const std::vector<Json>& seen) { return said(seen, "MachineRemoved", machine); });
    for (const char* member : {"MachineNew", "MachineRemoved", "JobNew", "JobRemoved"})
        EXPECT_TRUE(said(messages, member, machine)) << member;
    EXPECT_TRUE(said(messages, "JobRemoved", "\"done\""));
    EXPECT_TRUE(said(messages, "InterfacesAdded", "org.holm1.Machine"));
    for (const char* state : {"starting", "running", "stopped"})
        EXPECT_TRUE(std::ranges::any_of(messages,
                                        [&](const Json& message) {
                                            return message.value("member", "") == "PropertiesChanged" &&
                                                   message["payload"].dump().find(fmt::format("\"data\":\"{}\"", state)) !=
                                                       std::string::npos;
                                        }))
            << "no PropertiesChanged says " << state;
    auto removed = signals([&] { EXPECT_TRUE(succeeds(holmctl({"remove", machine}))); },
                           [&](const std::vector<Json>& seen) { return said(seen, "InterfacesRemoved", "org.holm1.Machine"); });
    EXPECT_TRUE(said(removed, "InterfacesRemoved", "org.holm1.Machine"));
}

TEST_F(DbusTest, ObjectsAreThoseThatExist)
{
    std::string machine = background();
    Outcome objects = run(call({"GetManagedObjects"}, "org.freedesktop.DBus.ObjectManager"));
    EXPECT_TRUE(succeeds(objects));
    EXPECT_TRUE(has(objects.out, bus_path(machine)));
    EXPECT_TRUE(has(manager({"GetMachine", "s", machine}).out, bus_path(machine)));
    EXPECT_TRUE(has(manager({"GetMachineByPID", "u", std::to_string(leader_of(machine))}).out, bus_path(machine)));
    EXPECT_FALSE(succeeds(manager({"GetMachineByPID", "u", "1"})));
    EXPECT_TRUE(has(manager({"ListMachines"}).out, machine));
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
    EXPECT_TRUE(wait_for_state(machine, "stopped"));
    EXPECT_FALSE(has(manager({"ListMachines"}).out, machine));
    EXPECT_TRUE(has(manager({"ListAll"}).out, machine));
    EXPECT_TRUE(has(run(call({"GetManagedObjects"}, "org.freedesktop.DBus.ObjectManager")).out, bus_path(machine)));
}

// Of an interface in introspection XML: "method Start in= out=o", "property State s", "signal MachineNew so".
static std::set<std::string> members(const std::string& xml, const std::string& interface)
{
    auto attribute = [](std::string_view tag, std::string_view key) {
        size_t at = tag.find(fmt::format(" {}=\"", key));
        if (at == std::string_view::npos) return std::string();
        at += key.size() + 3;
        return std::string(tag.substr(at, tag.find('"', at) - at));
    };
    std::set<std::string> found;
    std::string member, in, out;
    auto flush = [&] {
        if (!member.empty()) found.insert(fmt::format("{} in={} out={}", member, in, out));
        member.clear(), in.clear(), out.clear();
    };
    bool inside = false;
    for (std::string_view tag : split(xml, '<')) {
        if (tag.starts_with("interface ")) inside = attribute(tag, "name") == interface;
        if (!inside) continue;
        if (tag.starts_with("method ") || tag.starts_with("signal "))
            flush(), member = std::string(tag.substr(0, 6)) + " " + attribute(tag, "name");
        if (tag.starts_with("property "))
            found.insert(fmt::format("property {} {} {}", attribute(tag, "name"), attribute(tag, "type"), attribute(tag, "access")));
        if (tag.starts_with("arg ")) (attribute(tag, "direction") == "in" ? in : out) += attribute(tag, "type");
        if (tag.starts_with("/interface")) flush(), inside = false;
    }
    return found;
}

TEST_F(DbusTest, IntrospectionIsWhatIsShipped)
{
    std::string machine = background();
    for (const auto& [interface, path] :
         {std::pair<std::string, std::string>{"org.holm1.Manager", "/org/holm1"}, {"org.holm1.Machine", bus_path(machine)}}) {
        std::string file = "/usr/share/dbus-1/interfaces/" + interface + ".xml";
        ASSERT_TRUE(exists(file)) << file;
        std::set<std::string> shipped = members(content_of(file), interface),
                              live = members(run({"busctl", "introspect", "--xml-interface", "org.holm1", path}).out, interface);
        EXPECT_GT(shipped.size(), 5U);
        EXPECT_EQ(live, shipped) << interface;
    }
}

// Wrong signatures, absurd values, huge messages: an error each, and holmd goes on.
TEST_F(DbusTest, MalformedCallsAreErrors)
{
    std::string machine = background();
    int before = holmd_pid();
    std::string huge(120'000, 'x'), definition(300'000, '#');
    std::vector<std::vector<std::string>> calls = {
        {"NoSuchMethod"},
        {"GetMachine"},
        {"GetMachine", "u", "1"},
        {"GetMachine", "ss", "a", "b"},
        {"GetMachine", "s", ""},
        {"GetMachine", "s", huge},
        {"GetMachine", "s", "../../etc/passwd"},
        {"GetMachine", "s", "a\nb"},
        {"GetMachineByPID", "u", "0"},
        {"GetMachineByPID", "u", "4294967295"},
        {"StartMachine", "s", ""},
        {"StartMachine", "s", "/"},
        {"StopMachine", "s", "no-such"},
        {"KillMachine", "ssi", machine, "leader", "0"},
        {"KillMachine", "ssi", machine, "leader", "-1"},
        {"KillMachine", "ssi", machine, "leader", "65"},
        {"KillMachine", "ssi", machine, "nonsense", "15"},
        {"RunMachine", "ssa{sv}ah", "x", "", "0", "0"},
        {"RunMachine", "ssa{sv}ah", "x", "nonsense", "0", "0"},
        {"RunMachine", "ssa{sv}ah", "x", "[root]\npath=\"/no\"", "1", "no-such-option", "s", "x", "0"},
        {"RunMachine", "ssa{sv}ah", "x", "[root]\npath=\"/no\"", "1", "detach", "s", "yes", "0"},
        {"RunMachine", "ssa{sv}ah", "x", "[root]\npath=\"/no\"", "1", "console", "s", "nonsense", "0"},
        {"RunMachine", "ssa{sv}ah", "x", "[root]\npath=\"/no\"", "2", "detach", "b", "true", "detach", "b", "false", "0"},
        {"PrepareMachine", "s", machine},
        {"Exec", "sa{sv}asasah", machine, "0", "0", "0", "0"},
        {"Exec", "sa{sv}asasah", machine, "0", "1", "", "0", "0"},
        {"Exec", "sa{sv}asasah", machine, "0", "1", "/bin/true", "1", "NOEQUALS", "0"},
        {"Exec", "sa{sv}asasah", machine, "1", "user", "u", "0", "1", "/bin/true", "0", "0"},
        {"Exec", "sa{sv}asasah", machine, "0", "1", huge + huge, "0", "0"},
        {"AttachMachine", "suu", machine, "4294967295", "4294967295"},
        {"AttachMachine", "suu", "no-such", "24", "80"},
        {"OpenMachinePTY", "s", "no-such"},
        {"OpenMachineShell", "sssasas", machine, "no-such-user", "", "0", "0"},
        {"CreateMachine", "ss", "x", ""},
        {"CreateMachine", "ss", "a_b", "[root]\npath=\"/srv\""},
        {"WriteDefinition", "ss", "x", definition},
        {"Verify", "ss", "x", "[root"},
        {"PlanMachine", "s", "no-such"},
        {"PlanDefinition", "ss", "x", "[root]\npath=\"/no/such\""},
        {"RemoveMachine", "s", "no-such"},
        {"EnableMachine", "sb", "no-such", "true"},
    };
    for (auto& arguments : calls) {
        Outcome outcome = manager(arguments);
        EXPECT_NE(outcome.code, 0) << arguments[0] << " " << printable(arguments.size() > 2 ? arguments[2] : "");
        EXPECT_FALSE(has(outcome.err, "NoReply")) << arguments[0] << "";
    }
    for (const char* path : {"/org/holm1/machine", "/org/holm1/machine/no_2dsuch", "/org/holm1/machine/_", "/org/holm1/machine/_2e_2e",
                             "/org/holm1/job/0", "/org/holm1/nonsense"})
        EXPECT_NE(run(call({"Stop"}, "org.holm1.Machine", path)).code, 0) << path;
    EXPECT_EQ(holmd_pid(), before);
    EXPECT_EQ(state_of(machine), "running");
}

TEST_F(DbusTest, NobodyMayAskAndNoMore)
{
    std::string machine = background();
    int before = holmd_pid();
    for (const auto& arguments : std::vector<std::vector<std::string>>{{"ListMachines"}, {"ListAll"}, {"GetMachine", "s", machine}})
        EXPECT_TRUE(succeeds(manager_as_nobody(arguments))) << arguments[0];
    for (const auto& arguments : std::vector<std::vector<std::string>>{{"StartMachine", "s", machine},
                                                                       {"StopMachine", "s", machine},
                                                                       {"RestartMachine", "s", machine},
                                                                       {"RebootMachine", "s", machine},
                                                                       {"TerminateMachine", "s", machine},
                                                                       {"KillMachine", "ssi", machine, "leader", "9"},
                                                                       {"FreezeMachine", "s", machine},
                                                                       {"EnableMachine", "sb", machine, "true"},
                                                                       {"RunMachine", "ssa{sv}ah", "x", "[root]\npath=\"/\"", "0", "0"},
                                                                       {"PrepareMachine", "s", machine},
                                                                       {"Exec", "sa{sv}asasah", machine, "0", "1", "/bin/true", "0", "0"},
                                                                       {"AttachMachine", "suu", machine, "24", "80"},
                                                                       {"OpenMachinePTY", "s", machine},
                                                                       {"OpenMachineLogin", "s", machine},
                                                                       {"OpenMachineShell", "sssasas", machine, "root", "", "0", "0"},
                                                                       {"GetConsole", "s", machine},
                                                                       {"CreateMachine", "ss", "x", "[root]\npath=\"/\""},
                                                                       {"WriteDefinition", "ss", machine, "[root]\npath=\"/\""},
                                                                       {"ReadDefinition", "s", machine},
                                                                       {"PlanMachine", "s", machine},
                                                                       {"RemoveMachine", "s", machine},
                                                                       {"Reload"}}) {
        Outcome outcome = manager_as_nobody(arguments);
        EXPECT_NE(outcome.code, 0) << arguments[0];
        // Right first: whoever may not act learns nothing of what exists.
        if (arguments.size() > 2 && arguments[1] == "s" && arguments[2] == machine) {
            auto absent = arguments;
            absent[2] = "no-such";
            std::string sentence = manager_as_nobody(absent).err;
            EXPECT_FALSE(has(sentence, "no machine")) << arguments[0] << " tells that a machine is absent: " << sentence;
        }
    }
    EXPECT_EQ(holmd_pid(), before);
    EXPECT_EQ(state_of(machine), "running");
}

TEST_F(DbusTest, ACrowdOfCallsDoesNotHoldUpOthers)
{
    std::string machine = background();
    int before = holmd_pid();
    std::vector<std::unique_ptr<Process>> crowd;
    for (int i = 0; i < 8; i++)
        crowd.push_back(std::make_unique<Process>(std::vector<std::string>{
            "bash", "-c",
            fmt::format("for i in {{1..{}}}; do busctl call org.holm1 /org/holm1 org.holm1.Manager ListAll >/dev/null || exit 1; done",
                        count(200, 20))}));
    EXPECT_TRUE(succeeds(holmctl({"exec", machine, "--", "/bin/true"}, {}, 10s)));
    for (auto& process : crowd) EXPECT_TRUE(succeeds(process->wait(60s)));
    EXPECT_EQ(holmd_pid(), before);
}

}  // namespace holm::test
