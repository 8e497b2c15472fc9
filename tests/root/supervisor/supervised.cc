#include "supervised.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>

#include "../must.h"
#include "base/handle.h"
#include "base/text.h"
#include "kernel/cgroup.h"

namespace holm::test {

using kernel::EndOfStream;
using kernel::Message;
using kernel::Packet;

namespace {

constexpr const char* folder = "/run/holm/machines/test";

// /run is the tests' own.
class Fresh : public testing::Environment {
public:
    void SetUp() override
    {
        if (::unshare(CLONE_NEWNS) || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) ||
            ::mount("tmpfs", "/run", "tmpfs", 0, "mode=755")) {
            fprintf(stderr, "these tests need root: %s\n", strerror(errno));
            ::_exit(77);
        }
        must(make_folders(folder, 0700));
    }
};
[[maybe_unused]] testing::Environment* const fresh = testing::AddGlobalTestEnvironment(new Fresh);

Fd open_top_cgroup()
{
    return must(kernel::open_cgroup(must(kernel::cgroup_mount()) + must(kernel::own_cgroup())));
}

Packet receive_within(int socket, int timeout_ms)
{
    pollfd waiting{socket, POLLIN, 0};
    if (::poll(&waiting, 1, timeout_ms) != 1) return EndOfStream{};
    return must(kernel::receive_packet(socket));
}

}  // namespace

std::string notify_path()
{
    return "/run/notify";
}

Session::Session()
{
    Pair pair = must(make_socket_pair());
    socket_ = std::move(pair.first);
    other_ = std::move(pair.second);
}

Fd Session::take_other()
{
    return std::move(other_);
}
void Session::type(std::string_view bytes)
{
    for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kernel::max_data)))
        must(kernel::send_data(socket_.get(), bytes.substr(0, kernel::max_data)));
}
void Session::say(const Message& message)
{
    must(kernel::send_message(socket_.get(), message));
}

Packet Session::receive()
{
    Packet packet = receive_within(socket_.get(), 20'000);
    if (auto* data = std::get_if<kernel::Data>(&packet)) output += data->bytes;
    if (auto* message = std::get_if<Message>(&packet)) {
        kinds.push_back(message->kind);
        if (message->kind == "lost") lost += message->get_number("bytes").value_or(0);
    }
    return packet;
}

Message Session::wait_for(std::string_view kind)
{
    for (;;) {
        Packet packet = receive();
        if (std::holds_alternative<EndOfStream>(packet)) {
            if (kind != "end") ADD_FAILURE() << "no '" << kind << "' came; output: " << output;
            return Message("end");
        }
        if (auto* message = std::get_if<Message>(&packet); message && message->kind == kind) return std::move(*message);
    }
}

void Session::wait_for_output(std::string_view text)
{
    while (output.find(text) == output.npos)
        if (std::holds_alternative<EndOfStream>(receive())) return (void)(ADD_FAILURE() << "no '" << text << "' in: " << output);
}

Supervised::Supervised(const Fields& plan, Streams streams) : plan_path_(std::string(folder) + "/plan.toml")
{
    static int number = 0;
    std::string text;
    for (auto& [key, value] : plan) text += key + "=" + value + "\n";
    if (streams == Streams::Pipes) text += "console=pipes\n";
    must(replace_file(plan_path_, text));

    cgroup_name_ = fmt::format("supervised-{}-{}", ::getpid(), ++number);
    Fd top = open_top_cgroup(), cgroup = must(kernel::make_cgroup(top.get(), cgroup_name_));
    Pair channel = must(make_socket_pair());
    process_ = must(kernel::clone_process(0, cgroup.get()));
    if (process_.pid == 0) {
        ::dup2(channel.second.get(), 3);
        if (channel.second.get() == 3) ::fcntl(3, F_SETFD, 0);
        std::string plan_option = "--plan=" + plan_path_;
        ::execl(SUPERVISOR_PROGRAM, "holm-supervisor", "--machine=test", plan_option.c_str(), "--channel=3", "--setup=" FAKE_SETUP,
                nullptr);
        ::_exit(127);
    }
    channel_ = std::move(channel.first);
    Message go("go");
    go.fds.push_back(session.take_other());
    if (streams == Streams::Pipes) {
        Pair in = must(make_pipe()), out = must(make_pipe());
        input = std::move(in.second);
        output = std::move(out.first);
        go.fds.push_back(std::move(in.first));
        go.fds.push_back(must(duplicate(out.second.get())));
        go.fds.push_back(std::move(out.second));
    }
    must(kernel::send_message(channel_.get(), Message("subscribe")));
    must(kernel::send_message(channel_.get(), go));
}

Supervised::~Supervised()
{
    Fd top = open_top_cgroup();
    if (auto cgroup = open_at(top.get(), cgroup_name_, O_PATH | O_DIRECTORY)) must(kernel::kill_cgroup(cgroup->get()));
    if (process_.pidfd) must(kernel::wait_exit(process_.pidfd.get()));
    EXPECT_TRUE(soon([&] { return kernel::remove_cgroup(top.get(), cgroup_name_).has_value(); }));
}

Message Supervised::wait_for_state(std::string_view state, const Fields& fields)
{
    for (;;) {
        Packet packet = receive_within(channel_.get(), 20'000);
        if (std::holds_alternative<EndOfStream>(packet)) {
            ADD_FAILURE() << "the state '" << state << "' did not come";
            return Message("end");
        }
        auto& message = std::get<Message>(packet);
        bool matches = message.kind == "state" && message.get("state") == state;
        for (auto& [key, value] : fields) matches = matches && message.get(key) == value;
        if (matches) return std::move(message);
    }
}

Message Supervised::ask(Message request, std::initializer_list<int> fds)
{
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    (std::string(folder) + "/control").copy(address.sun_path, sizeof address.sun_path - 1);
    Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address)) return Message("no connection");
    must(kernel::send_message(socket.get(), request, fds));
    return must(kernel::receive_message(socket.get(), 20'000));
}

int Supervised::wait_exit()
{
    auto exit = must(kernel::wait_exit(process_.pidfd.get()));
    process_.pidfd.reset();
    EXPECT_FALSE(exit.by_signal) << "signal " << exit.value;
    EXPECT_NE(::access((std::string(folder) + "/control").c_str(), F_OK), 0) << "the control socket is left";
    return exit.value;
}

Fields Supervised::result() const
{
    Fields fields;
    std::string text = must(read_file(std::string(folder) + "/result"));
    for (std::string_view line : split(text, '\n'))
        if (size_t equals = line.find('='); equals != line.npos) fields[std::string(line.substr(0, equals))] = line.substr(equals + 1);
    return fields;
}

std::vector<std::string> Supervised::exec_folders() const
{
    std::vector<std::string> names;
    std::string path = must(kernel::cgroup_mount()) + must(kernel::own_cgroup()) + "/" + cgroup_name_ + "/payload";
    Handle<DIR, ::closedir> open(::opendir(path.c_str()));
    while (dirent* entry = open ? ::readdir(open.get()) : nullptr)
        if (std::string_view(entry->d_name).starts_with("holm-exec-")) names.emplace_back(entry->d_name);
    return names;
}

}  // namespace holm::test
