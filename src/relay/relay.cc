#include "relay/relay.h"

#include <dirent.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "base/handle.h"
#include "base/log.h"
#include "base/text.h"
#include "relay/socket.h"

namespace holm::relay {

namespace {

constexpr size_t most_streams = 1024;  // of one port: who comes later waits in the kernel's queue
constexpr std::chrono::seconds pause{1};
constexpr size_t most_bytes = 4 << 20;  // of one file

}  // namespace

Result<> Listener::open()
{
    socket_ = TRY(listen_at(port_));
    watch_ = TRY(loop_.watch(socket_.get(), EPOLLIN, [this](uint32_t) { accept(); }));
    return {};
}

void Listener::accept()
{
    Fd client(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client) return;
    auto machine = connect_to(port_);
    if (!machine) return log_warning("{}", machine.error().text);
    auto place = streams_.emplace(streams_.end());
    *place = std::make_unique<Stream>(std::move(client), std::move(*machine), [this, place] {
        streams_.erase(place);
        watch_.set_events(EPOLLIN);
    });
    if (auto opened = (*place)->open(loop_); !opened) {
        log_warning("{}", opened.error().text);
        streams_.erase(place);
    }
    if (streams_.size() >= most_streams) watch_.set_events(0);
}

Result<> Relay::run()
{
    TRY(watch_folder());
    follow();
    for (;;) TRY(loop_.dispatch());
}

Result<> Relay::watch_folder()
{
    changes_ = Fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!changes_ || ::inotify_add_watch(changes_.get(), folder_.c_str(), IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_ONLYDIR) < 0)
        return sys_error("cannot watch '{}'", folder_);
    watch_ = TRY(loop_.watch(changes_.get(), EPOLLIN, [this](uint32_t) {
        std::array<char, 4096> events;
        while (::read(changes_.get(), events.data(), events.size()) > 0) {}
        follow();
    }));
    return {};
}

std::set<network::Relayed> Relay::read_folder() const
{
    std::set<network::Relayed> ports;
    Handle<DIR, ::closedir> folder(::opendir(folder_.c_str()));
    while (const dirent* entry = folder ? ::readdir(folder.get()) : nullptr) {
        if (entry->d_name[0] == '.') continue;
        auto text = read_regular_file(fmt::format("{}/{}", folder_, entry->d_name), most_bytes);
        if (!text) continue;  // gone meanwhile
        auto listed = network::parse_relayed(*text);
        if (listed) ports.insert(listed->begin(), listed->end());
        else log_warning("'{}/{}': {}", folder_, printable(entry->d_name), listed.error().text);
    }
    return ports;
}

// What goes, first: a machine may have the port that another gives up.
void Relay::follow()
{
    const std::set<network::Relayed> wanted = read_folder();
    std::erase_if(listeners_, [&](const auto& one) { return !wanted.contains(one.first); });
    std::erase_if(datagrams_, [&](const auto& one) { return !wanted.contains(one.first); });
    std::erase_if(refused_, [&](const network::Relayed& one) { return !wanted.contains(one); });
    bool is_whole = true;
    for (const network::Relayed& port : wanted) {
        open(port);
        is_whole = is_whole && !refused_.contains(port);
    }
    if (is_whole) return;
    if (auto armed = again_.arm(pause); !armed) log_warning("{}", armed.error().text);
}

void Relay::open(const network::Relayed& port)
{
    Result<> opened;
    if (port.protocol == "tcp" && !listeners_.contains(port)) {
        auto made = std::make_unique<Listener>(loop_, port);
        opened = made->open();
        if (opened) listeners_[port] = std::move(made);
    }
    if (port.protocol == "udp" && !datagrams_.contains(port)) {
        auto made = std::make_unique<Datagrams>(loop_, port);
        opened = made->open();
        if (opened) datagrams_[port] = std::move(made);
    }
    if (opened) refused_.erase(port);
    else if (refused_.insert(port).second) log_warning("{}; it is tried again", opened.error().text);
}

}  // namespace holm::relay
