#include "daemon/peers_watch.h"

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "base/log.h"
#include "base/text.h"
#include "daemon/networks.h"
#include "daemon/planner_child.h"

namespace holm::daemon {

namespace {

constexpr std::chrono::milliseconds patience{50};  // who writes several files, or one in several steps, is done by then
constexpr uint32_t changes = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR;

// Whether an event of the folder may be one of the file: some templates put their files behind a link "..data" that they replace.
bool concerns(std::string_view event, const std::string& file)
{
    return event == file || event.starts_with("..");
}

}  // namespace

void PeersWatch::follow(std::span<const network::Segment> up)
{
    std::set<Watched> wanted;
    for (const network::Segment& segment : up) {
        const std::string& path = segment.tunnel.peers_file;
        if (path.empty()) continue;
        const size_t slash = path.rfind('/');
        wanted.insert({segment.name, slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)});
    }
    if (wanted == watched_) return;
    if (auto begun = begin(wanted); !begun) log_error("{}; its changes are not noticed", begun.error().text);
}

Result<> PeersWatch::begin(const std::set<Watched>& wanted)
{
    readable_.reset();
    by_number_.clear();
    events_ = Fd(wanted.empty() ? -1 : ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    watched_ = wanted;
    if (wanted.empty()) return {};
    if (!events_) return sys_error("cannot watch files of peers");
    readable_ = TRY(loop_.watch_io(events_.get(), EPOLLIN, [this](uint32_t) { receive(); }));
    Result<> done;
    for (const Watched& one : wanted) {
        const int number = ::inotify_add_watch(events_.get(), one.folder.c_str(), changes);
        if (number < 0) done = sys_error("cannot watch the folder '{}' of the peers of network '{}'", printable(one.folder), one.network);
        else by_number_.emplace(number, one);
        changed_.insert(one.network);  // it may have changed since it was read
    }
    read_soon();
    return done;
}

void PeersWatch::receive()
{
    alignas(inotify_event) std::array<char, 16 << 10> bytes;
    ssize_t size;
    while ((size = ::read(events_.get(), bytes.data(), bytes.size())) > 0) {
        for (ssize_t at = 0; at < size;) {
            inotify_event event;
            memcpy(&event, bytes.data() + at, sizeof event);
            const char* name = event.len ? bytes.data() + at + sizeof event : "";
            if (event.mask & IN_Q_OVERFLOW)
                for (const Watched& one : watched_) changed_.insert(one.network);
            for (auto [one, end] = by_number_.equal_range(event.wd); one != end; ++one)
                if (concerns(name, one->second.file)) changed_.insert(one->second.network);
            at += static_cast<ssize_t>(sizeof event + event.len);
        }
    }
    read_soon();
}

void PeersWatch::read_soon()
{
    if (changed_.empty() || reader_) return;
    auto pause = loop_.after(patience, [this] { read_again(); });
    if (pause) pause_ = std::move(*pause);
}

void PeersWatch::read_again()
{
    pause_.reset();
    auto job = [networks = std::exchange(changed_, {})](const Worker::LookingAt&) -> Result<kernel::Message> {
        TRY(follow_peers(networks));
        return kernel::Message("ok");
    };
    reader_ = Worker::start(loop_, "reading the peers of networks", planner_deadline, job, [this](const Result<kernel::Message>& done) {
        auto ended = std::move(reader_);
        if (!done) log_error("{}", done.error().text);
        if (!changed_.empty()) read_again();
    });
}

}  // namespace holm::daemon
