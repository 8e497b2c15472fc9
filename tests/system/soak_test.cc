// Machines come and go while twenty clients call, half of which never read an answer: holmd does not grow, and answers at once. The long
// form has the full counts.
#include <signal.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "host.h"

namespace holm::test {

namespace {

constexpr const char* service = "org.holm1";
constexpr const char* path = "/org/holm1";
constexpr const char* manager = "org.holm1.Manager";

sd_bus* connect()
{
    sd_bus* bus = nullptr;
    if (sd_bus_open_system(&bus) < 0) _exit(3);
    return bus;
}

// Asks and reads each answer; ends with 0 once it has asked `calls` times.
[[noreturn]] void listen_and_call(int calls)
{
    sd_bus* bus = connect();
    const char* const methods[] = {"ListMachines", "ListImages", "ListNetworks", "ListAll"};
    for (int i = 0; i < calls; ++i) {
        sd_bus_message* answer = nullptr;
        if (sd_bus_call_method(bus, service, path, manager, methods[i % 4], nullptr, &answer, "") < 0) _exit(4);
        sd_bus_message_unref(answer);
    }
    _exit(0);
}

// Asks and never reads; the bus cuts it off when it has had enough of it, and it comes again.
[[noreturn]] void call_and_never_read(int calls)
{
    signal(SIGPIPE, SIG_IGN);
    sd_bus* bus = connect();
    for (int i = 0; i < calls; ++i) {
        sd_bus_message* call = nullptr;
        int sent = sd_bus_message_new_method_call(bus, &call, service, path, manager, "ListMachines");
        if (sent >= 0) sent = sd_bus_send(bus, call, nullptr);
        sd_bus_message_unref(call);
        if (sent < 0) {
            sd_bus_unref(bus);
            bus = connect();
        }
        if (i % 64 == 0) usleep(1000);
    }
    for (;;) pause();  // what it has asked is answered to nobody
}

pid_t in_child(void (*job)(int), int calls)
{
    const pid_t pid = fork();
    if (pid == 0) job(calls);
    return pid;
}

long private_kilobytes(int pid)
{
    long sum = 0;
    for (std::string_view line : split(content_of(fmt::format("/proc/{}/smaps_rollup", pid)), '\n'))
        if (line.starts_with("Private_")) sum += strtol(std::string(trim(line.substr(line.find(':') + 1))).c_str(), nullptr, 10);
    return sum;
}

long descriptors(int pid)
{
    return atol(sh(fmt::format("ls /proc/{}/fd | wc -l", pid)).out.c_str());
}

}  // namespace

class SoakTest : public SystemTest {
protected:
    // How long a list takes, in ms.
    double list_time()
    {
        const auto begin = std::chrono::steady_clock::now();
        sd_bus_message* answer = nullptr;
        EXPECT_GE(sd_bus_call_method(bus_, service, path, manager, "ListMachines", nullptr, &answer, ""), 0);
        sd_bus_message_unref(answer);
        return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
    }
    void cycle(const std::string& machine)
    {
        ASSERT_TRUE(succeeds(holmctl({"start", machine})));
        lists_.push_back(list_time());
        ASSERT_TRUE(succeeds(holmctl({"stop", machine})));
        lists_.push_back(list_time());
    }
    sd_bus* bus_ = nullptr;
    std::vector<double> lists_;
};

TEST_F(SoakTest, CyclesAndCalls)
{
    const int cycles = count(10000, 20), calls = count(100000, 2000) / 20;
    const std::string machine = name();
    define(machine,
           fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"100000\"]\nstop_signal = \"SIGKILL\"\n", busybox()));
    bus_ = connect();
    for (int i = 0; i < 10; ++i) cycle(machine);  // what is made once is made
    lists_.clear();
    const int holmd = holmd_pid();
    const long memory = private_kilobytes(holmd), files = descriptors(holmd);

    std::vector<pid_t> readers, deaf;
    for (int i = 0; i < 10; ++i) {
        readers.push_back(in_child(listen_and_call, calls));
        deaf.push_back(in_child(call_and_never_read, calls));
    }
    for (int i = 0; i < cycles && !HasFailure(); ++i) cycle(machine);
    for (const pid_t reader : readers) {
        int status = -1;
        EXPECT_EQ(waitpid(reader, &status, 0), reader);
        EXPECT_EQ(status, 0) << "a client that reads got no answer";
    }
    for (const pid_t client : deaf) {
        kill(client, SIGKILL);
        waitpid(client, nullptr, 0);
    }
    std::ranges::sort(lists_);
    const double worst = lists_.back(), usual = lists_[lists_.size() / 2], late = lists_[lists_.size() * 99 / 100];
    fmt::print("{} cycles, {} calls; list: {:.1f} ms in the middle, {:.1f} ms for 99 of 100, {:.1f} ms at worst\n", cycles, calls * 20,
               usual, late, worst);
    EXPECT_EQ(holmd_pid(), holmd) << "holmd was restarted";
    EXPECT_TRUE(eventually([&] { return descriptors(holmd) <= files; })) << descriptors(holmd) << " descriptors, were " << files;
    fmt::print("holmd: {} kB private, were {}; {} descriptors, were {}\n", private_kilobytes(holmd), memory, descriptors(holmd), files);
    EXPECT_LE(private_kilobytes(holmd), memory * 105 / 100 + 512);
    EXPECT_LT(usual, 50.0);
    sd_bus_unref(bus_);
    EXPECT_TRUE(succeeds(holmctl({"remove", machine})));
}

}  // namespace holm::test
