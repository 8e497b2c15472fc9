// With what a payload starts: the same whether its machine runs in a scope, whose supervisor is holmd's child, or in a service, whose is
// systemd's; and the same for what exec and shell add to it.
#include <algorithm>
#include <set>

#include "base/text.h"
#include "host.h"

namespace holm::test {

namespace {

// Of /proc/PID/status what is set, not what is counted, named by number or of a range of users that each machine has of its own.
std::string status_of(const std::string& status)
{
    static const std::set<std::string_view> kept = {
        "Umask",        "Kthread",      "SigIgn",      "SigBlk",     "ShdBlk",  "CapInh",          "CapPrm",
        "CapEff",       "CapBnd",       "CapAmb",      "NoNewPrivs", "Seccomp", "Seccomp_filters", "Speculation_Store_Bypass",
        "Cpus_allowed", "Mems_allowed", "THP_enabled", "CoreDumping"};
    std::string found;
    for (std::string_view line : split(status, '\n'))
        if (kept.contains(line.substr(0, line.find(':')))) found += std::string(line) + "\n";
    return found;
}

// nice, scheduling class and real-time priority: fields 19, 40 and 41 of /proc/PID/stat, behind the name in brackets.
std::string scheduling_of(const std::string& stat)
{
    const auto fields = split(std::string_view(stat).substr(stat.rfind(')') + 2), ' ');
    return fields.size() < 39 ? stat : fmt::format("nice {} policy {} priority {}\n", fields[16], fields[38], fields[37]);
}

std::string environment_of(std::string environment)
{
    std::ranges::replace(environment, '\0', '\n');
    auto lines = split(environment, '\n');
    std::ranges::sort(lines);
    std::string found;
    for (std::string_view line : lines)
        if (!line.empty() && !line.starts_with("container_uuid=")) found += std::string(line) + "\n";
    return found;
}

}  // namespace

class StartStateTest : public SystemTest {
protected:
    // What the host says of a payload's process.
    static std::string look(int pid)
    {
        const std::string proc = fmt::format("/proc/{}/", pid);
        return status_of(content_of(proc + "status")) + scheduling_of(content_of(proc + "stat")) + content_of(proc + "limits") +
               environment_of(content_of(proc + "environ")) + "oom " + content_of(proc + "oom_score_adj") + "timerslack " +
               content_of(proc + "timerslack_ns") + content_of(proc + "personality") + content_of(proc + "coredump_filter") +
               run({"readlink", proc + "cwd", proc + "root"}).out + sh("ls -l " + proc + "fd | awk 'NR > 1 { print $9 }'").out +
               "session " + sh(fmt::format("awk '{{ print ($5 == $1) \" \" ($6 == $1) }}' {}stat", proc)).out;
    }
    // Which of its namespaces are the host's.
    static std::string namespaces_of(int pid)
    {
        return sh(fmt::format("for n in /proc/{}/ns/*; do test $(readlink $n) = $(readlink /proc/1/ns/${{n##*/}}) && echo host ${{n##*/}} "
                              "|| echo own ${{n##*/}}; done",
                              pid))
            .out;
    }
    // The root of a machine is not in it: each has its own copy.
    std::string definition(const std::string& more)
    {
        return fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\nenvironment = {{ A = \"b\" }}\n{}",
                           busybox(), more);
    }
};

TEST_F(StartStateTest, AScopeAndAServiceStartAlike)
{
    for (const char* more : {"", "[security]\nno_new_privileges = false\noom_score_adjust = 100\nrlimits = { NOFILE = \"100:200\" }\n",
                             "[security]\nusers = \"identity\"\ntime_offset = { boottime = \"10s\" }\n"}) {
        const std::string scope = name(), service = name(), file = folder() + "/definition.toml";
        write_file(file, definition(more));
        // With what a shell of a person may have: none of it is the payload's.
        ASSERT_TRUE(
            succeeds(sh(fmt::format("export SECRET=of-the-caller; ulimit -n 512; umask 077; nice -n 5 holmctl run --detach --name={} "
                                    "--file={}",
                                    scope, file))));
        define(service, definition(more));
        ASSERT_TRUE(succeeds(holmctl({"start", service})));
        const int of_scope = leader_of(scope), of_service = leader_of(service);
        ASSERT_TRUE(of_scope && of_service);
        auto named = [](std::string text, const std::string& machine) {
            for (size_t at; (at = text.find(machine)) != text.npos;) text.replace(at, machine.size(), "NAME");
            return text;
        };
        const std::string expected = named(look(of_service), service);
        EXPECT_EQ(named(look(of_scope), scope), expected) << more;
        EXPECT_EQ(namespaces_of(of_scope), namespaces_of(of_service)) << more;
        EXPECT_TRUE(has(expected, "Umask:\t0022\n"));
        EXPECT_TRUE(has(expected, "nice 0 policy 0 priority 0\n"));
        EXPECT_TRUE(has(expected, "SigBlk:\t0000000000000000\n"));
        EXPECT_TRUE(has(expected, "SigIgn:\t0000000000000000\n"));
        EXPECT_FALSE(has(expected, "SECRET"));
        // Both by the same words, from inside.
        for (const std::string& machine : {scope, service}) {
            const std::string pid = fmt::format("{}", leader_of(machine));
            const std::string script = "cat /proc/self/status; cat /proc/self/limits; cat /proc/self/oom_score_adj; cat /proc/self/stat";
            for (const std::vector<std::string>& verb : {std::vector<std::string>{"exec", machine, "--"}, {"shell", machine}}) {
                std::vector<std::string> words = verb;
                words.insert(words.end(), {"/bin/sh", "-c", script});
                const Outcome outcome = holmctl(words);
                ASSERT_TRUE(succeeds(outcome));
                EXPECT_TRUE(has(outcome.out, content_of("/proc/" + pid + "/limits"))) << verb[0];
                EXPECT_TRUE(has(outcome.out, "\n" + content_of("/proc/" + pid + "/oom_score_adj"))) << verb[0];
                for (const char* key : {"Umask", "CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb", "NoNewPrivs", "Seccomp",
                                        "Seccomp_filters", "SigIgn", "SigBlk"})
                    EXPECT_TRUE(has(outcome.out, fmt::format("{}:\t{}\n", key, status_line(leader_of(machine), key)))) << verb[0];
            }
        }
        EXPECT_TRUE(succeeds(holmctl({"terminate", scope})));
        EXPECT_TRUE(succeeds(holmctl({"stop", service})));
    }
}

}  // namespace holm::test
