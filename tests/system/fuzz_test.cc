// Calls of every method of the bus with arguments of the right types and any values, by nobody and by root, many at once: each is
// answered, holmd is the same process after it, no larger than it may be, and does its work.
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <tuple>

#include "base/handle.h"
#include "base/text.h"
#include "host.h"
#include "values.h"

namespace holm::test {

class FuzzTest : public SystemTest {
protected:
    using BusHandle = Handle<sd_bus, sd_bus_flush_close_unref>;
    using MessageHandle = Handle<sd_bus_message, sd_bus_message_unref>;
    static constexpr const char* service = "org.holm1";

    void SetUp() override
    {
        had_volumes_ = exists("/var/lib/holm/volumes");
        SystemTest::SetUp();
    }
    void TearDown() override
    {
        // What root's calls may have made has names of these alone.
        sh("for name in fuzz-a fuzz-b root network kill all leader started infinity mounts org.holm1 4294967296; do "
           "holmctl terminate $name; systemctl stop holm@$name holm-$name.scope; systemctl disable holm@$name; holmctl remove $name; "
           "holmctl remove-image $name; holmctl network-remove $name; holmctl volume-remove $name; "
           "rm -rf /etc/holm/machines/$name.toml* /etc/holm/networks/$name.toml* /var/lib/holm/*/$name; done; "
           "rm -rf /run/fuzz /var/lib/holm/volumes/*; systemctl daemon-reload; systemctl reset-failed; holmctl reload; true",
           300s);
        if (!had_volumes_) run({"rmdir", "/var/lib/holm/volumes"});
        SystemTest::TearDown();
    }
    static std::vector<std::string> texts()
    {
        return {"",          "fuzz-a",      "fuzz-b",
                "fuzz-a",    "fuzz-b",      ".",
                "..",        ".host",       "a_b",
                "-a",        "/run/fuzz/x", "/run/fuzz/../y",
                "a\nb",      "%s%n",        "\x01\x02",
                "org.holm1", "[root",       "[root]\npath = \"/run/fuzz/root\"\n",
                "\"",        "{}",          ";",
                "root",      "4294967296",  "-1",
                "infinity",  "tcp:80",      "8080:80",
                "started",   "port:80",     "kill",
                "leader",    "all",         "sha256:../../x",
                "MemoryMax", "64M",         "network",
                "mounts"};
    }
    static int count_answer(sd_bus_message*, void* answered, sd_bus_error*)
    {
        ++*static_cast<int*>(answered);
        return 0;
    }
    // `calls` of them with up to 64 on their way; "" or what went wrong.
    static std::string fuzz(int calls, uint64_t seed)
    {
        sd_bus* opened = nullptr;
        if (sd_bus_open_system(&opened) < 0) return "no bus";
        const BusHandle bus(opened);
        sd_bus_message* answer = nullptr;
        if (sd_bus_call_method(bus.get(), service, "/org/holm1", "org.freedesktop.DBus.Introspectable", "Introspect", nullptr, &answer,
                               "") < 0)
            return "no introspection";
        const MessageHandle introspection(answer);
        const char* text = "";
        sd_bus_message_read(introspection.get(), "s", &text);
        const std::vector<Method> methods = methods_of(text, "org.holm1.Manager");
        if (methods.size() < 70) return "few methods";
        Values values(seed, texts());
        int sent = 0, answered = 0;
        while (answered < calls) {
            for (; sent < calls && sent - answered < 64; ++sent) {
                const auto& [name, signature] = methods[static_cast<size_t>(sent) % methods.size()];
                sd_bus_message* message = nullptr;
                if (sd_bus_message_new_method_call(bus.get(), &message, service, "/org/holm1", "org.holm1.Manager", name.c_str()) < 0)
                    return "no message";
                const MessageHandle call(message);
                values.fill(call.get(), signature);
                if (sd_bus_call_async(bus.get(), nullptr, call.get(), count_answer, &answered, 120'000'000) < 0)
                    return name + " cannot be sent";
            }
            const int r = sd_bus_process(bus.get(), nullptr);
            if (r < 0) return fmt::format("the connection ended after {} answers of {}", answered, sent);
            if (r == 0 && sd_bus_wait(bus.get(), 120'000'000) <= 0)
                return fmt::format("{} of {} calls were not answered", sent - answered, sent);
        }
        return "";
    }
    // The same in a child that is nobody, and what it says.
    static std::string as_nobody(const std::function<std::string()>& calls)
    {
        auto pipe = make_pipe();
        const pid_t child = ::fork();
        if (child == 0) {
            const std::string said = ::setresgid(65534, 65534, 65534) || ::setresuid(65534, 65534, 65534) ? "still root" : calls();
            std::ignore = write_all(pipe->second.get(), said);
            ::_exit(0);
        }
        pipe->second.reset();
        auto said = read_all(pipe->first.get(), 4096);
        int status = 0;
        ::waitpid(child, &status, 0);
        return status ? "the caller was ended" : said.value_or("nothing was said");
    }
    static size_t resident_of(int pid)
    {
        const std::string text = status_line(pid, "VmRSS");
        return static_cast<size_t>(std::atol(text.c_str()));
    }
    void survives(const std::function<std::string()>& calls)
    {
        ASSERT_TRUE(succeeds(holmctl({"list"})));
        const int pid = holmd_pid();
        EXPECT_EQ(calls(), "");
        EXPECT_EQ(holmd_pid(), pid) << journal_of("holmd.service").substr(0, 2000);
        EXPECT_LT(resident_of(pid), 200'000U) << "KiB";
        EXPECT_TRUE(succeeds(holmctl({"list", "--all"})));
        EXPECT_TRUE(succeeds(foreground({"/bin/true"})));
    }
    bool had_volumes_ = false;
};

TEST_F(FuzzTest, CallsOfNobody)
{
    survives([] { return as_nobody([] { return fuzz(count(500'000, 1500), 1); }); });
}

TEST_F(FuzzTest, CallsOfRoot)
{
    define("fuzz-a", fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n", busybox()));
    survives([] { return fuzz(count(500'000, 800), 2); });
}

}  // namespace holm::test
