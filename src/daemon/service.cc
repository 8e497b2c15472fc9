#include "daemon/service.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <csignal>

#include <array>
#include <cstring>

#include "api/names.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/planner_child.h"
#include "daemon/unfinished.h"
#include "daemon/volumes.h"
#include "kernel/definition_files.h"
#include "launch/data_mounts.h"
#include "network/relayed.h"
#include "systemd/notify.h"

namespace holm::daemon {

namespace {

// systemd waits for READY=1; a host without a bus has machines all the same.
constexpr std::chrono::seconds bus_patience{5};
// For the supervisors that are found, of which one may be stopped by a signal; D-Bus waits 25 s for a service that it activates.
constexpr std::chrono::seconds hearing_patience{2};

kernel::Places places_of(const machine::Settings& settings)
{
    return {.default_profile = settings.defaults.profile};
}

bool is_same_folder(const std::string& one, const std::string& other)
{
    struct stat first, second;
    return !::stat(one.c_str(), &first) && !::stat(other.c_str(), &second) && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

}  // namespace

Service::Service(systemd::Loop& loop)
    : loop_(loop),
      catalogue_(places_of(settings_)),
      bus_(loop),
      units_(bus_, {.job_removed = [this](const std::string& unit, const std::string& result) { lifecycle_.on_job_removed(unit, result); },
                    .unit_removed = [this](const std::string& unit) { lifecycle_.on_unit_removed(unit); }}),
      machined_(bus_),
      jobs_(bus_),
      authority_(bus_),
      host_names_(bus_),
      network_services_(loop_, units_,
                        [this](std::span<const network::Segment> up) {
                            peers_watch_.follow(up);
                            name_exchange_.follow(up);
                            host_names_.follow();
                            network_objects_.refresh();
                        }),
      peers_watch_(loop),
      name_exchange_(loop),
      network_watch_(loop,
                     [this](const std::set<std::string>& bridges) {
                         log_warning(
                             "others have taken {} away: it is made anew",
                             bridges.empty() ? "holm's tables of nftables" : fmt::format("the bridge of {}", fmt::join(bridges, ", ")));
                         restore_networks(bridges);
                     }),
      host_{.loop = loop_,
            .bus = bus_,
            .units = units_,
            .machined = machined_,
            .jobs = jobs_,
            .catalogue = catalogue_,
            .settings = settings_,
            .network_services = network_services_},
      lifecycle_(host_, {.changed = [this](const MachineEntry& machine) { machines_.changed(machine.name); },
                         .appeared = [this](const machine::MachineName& name) { machines_.appeared(name); },
                         .vanished = [this](const machine::MachineName& name) { machines_.vanished(name); }}),
      manager_(host_, lifecycle_, authority_, [this] { return reload(); }),
      machines_(host_, lifecycle_, manager_),
      image_objects_(host_, manager_),
      network_objects_(host_, lifecycle_, manager_),
      job_objects_(host_, manager_)
{
}

Result<> Service::start()
{
    // A bad file at start: the defaults serve, and systemctl status says why.
    if (auto read = read_settings(); !read) log_error("{}; the defaults are used", read.error().text);
    TRY(watch_signals());
    ::unlink(shutdown_mark);  // of a shutdown that left /run
    prepare_planning();
    TRY(make_folders(api::runtime_machines_folder, 0700));
    TRY(make_folders(network::relay_folder));
    TRY(open_notify_socket());
    finish_changes();
    lifecycle_.rebuild();
    manager_.clean_up_images();
    sweep();
    restore_networks({});
    if (auto watched = network_watch_.open(); !watched) log_error("{}", watched.error().text);
    bus_.keep_connected([this] { return on_connected(); }, [this] { on_lost(); });
    bus_patience_ = TRY(loop_.after(bus_patience, [this] { ready(); }));
    return {};
}

// What copies of machines and volumes have left that ended with a holmd before this one. It may be much.
void Service::sweep()
{
    auto remove = [unfinished = list_unfinished(),
                   volumes = list_unfinished_volumes()](const Worker::LookingAt&) -> Result<kernel::Message> {
        TRY(remove_unfinished(unfinished));
        TRY(remove_unfinished_volumes(volumes));
        return kernel::Message("ok");
    };
    sweeper_ = Worker::start(loop_, "removing what copies have left", removal_deadline, remove, [](const Result<kernel::Message>& removed) {
        if (!removed) log_error("{}", removed.error().text);
    });
}

// -- settings -----------------------------------------------------------------------------------------------------------------------

Result<> Service::read_settings()
{
    auto settings = TRY(kernel::read_settings({}));
    settings_ = std::move(settings);
    set_log_level(settings_.log_level);
    catalogue_.reset(places_of(settings_));
    for (const launch::DataMount& mount : launch::plan_data_mounts(settings_))
        if (!is_same_folder(mount.source, mount.target))
            log_warning(
                "'{}' is not mounted at {} yet, as [paths] of holm.toml has it: stop all machines, and run 'systemctl daemon-reload "
                "&& systemctl restart holmd'",
                mount.source, mount.target);
    return {};
}

Result<> Service::reload()
{
    auto read = read_settings();
    if (read) log_info("holm.toml was read again");
    else log_error("{}; the settings stay as they were", read.error().text);
    return read;
}

// `bridges`: networks whose bridge is to be made anew.
void Service::restore_networks(const std::set<std::string>& bridges)
{
    networks_ = start_restoring_networks(loop_, catalogue_.places(), settings_, [this, bridges](const Result<>& restored) {
        if (!restored) log_error("the networks cannot be restored: {}", restored.error().text);
        if (!bus_.connected()) return;
        network_services_.restart(bridges);
        network_services_.follow();
    });
}

Result<> Service::watch_signals()
{
    // Children are reaped by the kernel: a worker's end is the end of its socket, a supervisor's that of its channel.
    struct sigaction children{};
    children.sa_handler = SIG_DFL;
    children.sa_flags = SA_NOCLDWAIT;
    if (::sigaction(SIGCHLD, &children, nullptr)) return sys_error("cannot set up SIGCHLD");
    if (::signal(SIGPIPE, SIG_IGN) == SIG_ERR) return sys_error("cannot ignore SIGPIPE");
    for (int signal : {SIGTERM, SIGINT})
        signals_.push_back(TRY(loop_.watch_signal(signal, [this] {
            systemd::notify("STOPPING=1");
            loop_.exit(0);
        })));
    signals_.push_back(TRY(loop_.watch_signal(SIGHUP, [this] {
        systemd::notify_reloading();
        auto read = reload();
        systemd::notify(read ? "READY=1\nSTATUS=Serving" : "READY=1\nSTATUS=" + read.error().text);
    })));
    return {};
}

// -- supervisors that come up -------------------------------------------------------------------------------------------------------

Result<> Service::open_notify_socket()
{
    Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return sys_error("cannot make a socket");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    strncpy(address.sun_path, api::notify_socket, sizeof address.sun_path - 1);
    ::unlink(api::notify_socket);
    const int on = 1;
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) || ::chmod(api::notify_socket, 0600) ||
        ::setsockopt(socket.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on))
        return sys_error("cannot listen at '{}'", api::notify_socket);
    notified_ = TRY(loop_.watch_io(socket.get(), EPOLLIN, [this](uint32_t) { receive_notifications(); }));
    notify_ = std::move(socket);
    return {};
}

void Service::receive_notifications()
{
    for (;;) {
        std::array<char, 128> text;
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> control;
        iovec part{text.data(), text.size()};
        msghdr header{};
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        header.msg_control = control.data();
        header.msg_controllen = control.size();
        const ssize_t size = ::recvmsg(notify_.get(), &header, MSG_CMSG_CLOEXEC);
        if (size < 0) return;
        const cmsghdr* item = CMSG_FIRSTHDR(&header);
        if (!item || item->cmsg_type != SCM_CREDENTIALS) continue;
        ucred sender;
        memcpy(&sender, CMSG_DATA(item), sizeof sender);
        auto name = machine::parse_name(trim({text.data(), static_cast<size_t>(size)}));
        if (sender.uid == 0 && name) lifecycle_.on_supervisor_up(*name);
    }
}

// -- the bus ------------------------------------------------------------------------------------------------------------------------

Result<> Service::attach()
{
    TRY(manager_.attach());
    TRY(machines_.attach());
    TRY(image_objects_.attach());
    TRY(network_objects_.attach());
    TRY(job_objects_.attach());
    return units_.attach();
}

Result<> Service::on_connected()
{
    TRY(attach());
    lifecycle_.on_connected();
    host_names_.forget();
    network_services_.forget();
    network_services_.follow();
    hearing_patience_ = TRY(loop_.after(hearing_patience, [this] { request_name(); }));
    lifecycle_.when_heard([this] { request_name(); });
    return {};
}

// Whoever calls by the name finds each machine with its supervisor.
void Service::request_name()
{
    if (!hearing_patience_) return;
    hearing_patience_.reset();
    auto acquired = [](sd_bus_message* answer, void* self, sd_bus_error*) noexcept {
        auto* service = static_cast<Service*>(self);
        if (const sd_bus_error* error = sd_bus_message_get_error(answer)) {
            log_error("cannot be {} on the bus: {}", api::bus_name, error->message);
            service->loop_.exit(1);
        } else service->ready();
        return 1;
    };
    sd_bus_slot* slot = nullptr;
    if (int r = sd_bus_request_name_async(bus_.get(), &slot, api::bus_name, 0, acquired, this); r < 0) {
        log_error("{}", errno_error(-r, "cannot ask for the name {}", api::bus_name).text);
        return loop_.exit(1);
    }
    name_request_.reset(slot);
}

void Service::ready()
{
    bus_patience_.reset();
    if (!std::exchange(is_ready_, true))
        systemd::notify(bus_.connected() ? "READY=1\nSTATUS=Serving" : "READY=1\nSTATUS=Serving machines, waiting for the bus");
    else systemd::notify("STATUS=Serving");
}

void Service::on_lost()
{
    log_warning("the connection to the system bus is lost; machines go on, and it is tried again");
    systemd::notify("STATUS=Serving machines, waiting for the bus");
    hearing_patience_.reset();
    units_.detach();
    authority_.forget();
}

}  // namespace holm::daemon
