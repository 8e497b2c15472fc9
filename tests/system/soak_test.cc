// Machines come and go while twenty clients call, half of which never read an answer: holmd does not grow, and answers at once. The long
// form has the full counts.
#include <signal.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
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

// What a client asks, and how long it waits in between: 0 is as fast as it can.
struct Calls {
    int number = 0;
    milliseconds pause{0};
};

// Asks and reads each answer; ends with 0 once it has asked all.
[[noreturn]] void listen_and_call(Calls calls)
{
    sd_bus* bus = connect();
    const char* const methods[] = {"ListMachines", "ListImages", "ListNetworks", "ListAll"};
    for (int i = 0; i < calls.number; ++i) {
        sd_bus_message* answer = nullptr;
        if (sd_bus_call_method(bus, service, path, manager, methods[i % 4], nullptr, &answer, "") < 0) _exit(4);
        sd_bus_message_unref(answer);
        std::this_thread::sleep_for(calls.pause);
    }
    _exit(0);
}

// Asks and never reads; the bus cuts it off when it has had enough of it, and it comes again.
[[noreturn]] void call_and_never_read(Calls calls)
{
    signal(SIGPIPE, SIG_IGN);
    sd_bus* bus = connect();
    for (int i = 0; i < calls.number; ++i) {
        sd_bus_message* call = nullptr;
        int sent = sd_bus_message_new_method_call(bus, &call, service, path, manager, "ListMachines");
        if (sent >= 0) sent = sd_bus_send(bus, call, nullptr);
        sd_bus_message_unref(call);
        if (sent < 0) {
            sd_bus_unref(bus);
            bus = connect();
        }
        std::this_thread::sleep_for(i % 64 == 0 ? std::max(calls.pause, 1ms) : calls.pause);
    }
    for (;;) pause();  // what it has asked is answered to nobody
}

pid_t in_child(void (*job)(Calls), Calls calls)
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

// Cycles of its own machine, one after another; how long a list takes in between, in ms.
class Lane {
public:
    explicit Lane(std::string machine) : machine_(std::move(machine)), bus_(connect()) {}
    ~Lane() { sd_bus_unref(bus_); }
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    void run(int cycles)
    {
        for (int i = 0; i < cycles && !failed_; ++i) {
            one({"start", machine_});
            one({"stop", machine_});
        }
    }
    std::vector<double> take_lists() { return std::exchange(lists_, {}); }

private:
    void one(const std::vector<std::string>& words)
    {
        const Outcome outcome = holmctl(words);
        EXPECT_TRUE(succeeds(outcome));
        if (outcome.code != 0) failed_ = true;
        const auto begin = std::chrono::steady_clock::now();
        sd_bus_message* answer = nullptr;
        EXPECT_GE(sd_bus_call_method(bus_, service, path, manager, "ListMachines", nullptr, &answer, ""), 0);
        sd_bus_message_unref(answer);
        lists_.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
    }
    std::string machine_;
    sd_bus* bus_;
    std::vector<double> lists_;
    static inline std::atomic<bool> failed_ = false;  // of all: there is no use in going on
};

}  // namespace

class SoakTest : public SystemTest {
protected:
    void make_lanes(unsigned number)
    {
        const std::string root = busybox();
        for (unsigned i = 0; i < number; ++i) {
            machines_.push_back(name());
            define(machines_.back(), fmt::format("[root]\nlower = [\"{}\"]\nmode = \"ephemeral\"\n[payload]\ncommand = [\"/bin/sleep\", "
                                                 "\"100000\"]\nstop_signal = \"SIGKILL\"\n",
                                                 root));
            lanes_.push_back(std::make_unique<Lane>(machines_.back()));
        }
    }
    void run_lanes(int cycles)
    {
        std::vector<std::thread> threads;
        for (auto& lane : lanes_) threads.emplace_back([&lane, each = cycles / static_cast<int>(lanes_.size())] { lane->run(each); });
        for (std::thread& thread : threads) thread.join();
    }
    std::vector<double> take_lists()
    {
        std::vector<double> all;
        for (auto& lane : lanes_)
            for (double time : lane->take_lists()) all.push_back(time);
        std::ranges::sort(all);
        return all;
    }
    // Twenty clients beside the cycles, ten of which never read. What the lists took meanwhile, sorted.
    std::vector<double> run_beside(int cycles, Calls calls)
    {
        run_lanes(static_cast<int>(lanes_.size()) * 3);  // what is made once is made
        take_lists();
        const int holmd = holmd_pid();
        const long memory = private_kilobytes(holmd), files = descriptors(holmd);
        std::vector<pid_t> readers, deaf;
        for (int i = 0; i < 10; ++i) {
            readers.push_back(in_child(listen_and_call, calls));
            deaf.push_back(in_child(call_and_never_read, calls));
        }
        const auto begin = std::chrono::steady_clock::now();
        run_lanes(cycles);
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        for (const pid_t reader : readers) {
            int status = -1;
            EXPECT_EQ(waitpid(reader, &status, 0), reader);
            EXPECT_EQ(status, 0) << "a client that reads got no answer";
        }
        for (const pid_t client : deaf) {
            kill(client, SIGKILL);
            waitpid(client, nullptr, 0);
        }
        std::vector<double> lists = take_lists();
        fmt::print(
            "{} cycles in {:.0f} s, {} calls, {} ms between those of a client; list: {:.1f} ms in the middle, {:.1f} ms for 99 of 100, "
            "{:.1f} ms at worst\n",
            cycles, seconds, calls.number * 20, calls.pause.count(), lists[lists.size() / 2], lists[lists.size() * 99 / 100], lists.back());
        EXPECT_EQ(holmd_pid(), holmd) << "holmd was restarted";
        EXPECT_TRUE(eventually([&] { return descriptors(holmd) <= files; })) << descriptors(holmd) << " descriptors, were " << files;
        fmt::print("holmd: {} kB private, were {}; {} descriptors, were {}\n", private_kilobytes(holmd), memory, descriptors(holmd), files);
        EXPECT_LE(private_kilobytes(holmd), memory * 105 / 100 + 512);
        return lists;
    }
    void TearDown() override
    {
        lanes_.clear();
        for (const std::string& machine : machines_) EXPECT_TRUE(succeeds(holmctl({"remove", machine})));
        SystemTest::TearDown();
    }
    std::vector<std::string> machines_;
    std::vector<std::unique_ptr<Lane>> lanes_;
};

// The clients ask as long as machines come and go.
TEST_F(SoakTest, CyclesAndCalls)
{
    make_lanes(std::thread::hardware_concurrency());
    const std::vector<double> lists =
        run_beside(count(10000, 24), {.number = count(100000, 2000) / 20, .pause = long_form() ? 150ms : 10ms});
    EXPECT_LT(long_form() ? lists.back() : lists[lists.size() / 2], 50.0);
}

// All of them ask as fast as they can, and more machines come and go at once than there are processors.
TEST_F(SoakTest, AFlood)
{
    make_lanes(8);
    const std::vector<double> lists = run_beside(count(400, 16), {.number = count(100000, 2000) / 20});
    EXPECT_LT(lists[lists.size() / 2], 50.0);
}

}  // namespace holm::test
