#include "harness.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "base/fd.h"

namespace holm::test {

using systemd::append_all;
using systemd::read_all_of;

Holmd::Holmd(systemd::Loop& loop_, const std::string& prefix)
    : loop(loop_),
      catalogue(kernel::Places{.prefix = prefix}),
      bus(loop),
      units(bus, {.job_removed = [this](const std::string& unit, const std::string& result) { lifecycle.on_job_removed(unit, result); },
                  .unit_removed = [this](const std::string& unit) { lifecycle.on_unit_removed(unit); }}),
      machined(bus),
      jobs(bus),
      authority(bus),
      network_services(loop, units, [this](std::span<const network::Segment>) { networks.refresh(); }),
      host{.loop = loop,
           .bus = bus,
           .units = units,
           .machined = machined,
           .jobs = jobs,
           .catalogue = catalogue,
           .settings = settings,
           .network_services = network_services},
      lifecycle(host, {.changed = [this](const daemon::MachineEntry& machine) { machines.changed(machine.name); },
                       .appeared = [this](const machine::MachineName& name) { machines.appeared(name); },
                       .vanished = [this](const machine::MachineName& name) { machines.vanished(name); }}),
      manager(host, lifecycle, authority,
              [this] {
                  ++reloads;
                  return Result<>();
              }),
      machines(host, lifecycle, manager),
      images(host, manager),
      networks(host, lifecycle, manager),
      job_objects(host, manager)
{
}

void Holmd::attach(Handle<sd_bus, sd_bus_close_unref> connection)
{
    ASSERT_TRUE(bus.adopt(std::move(connection)));
    ASSERT_TRUE(manager.attach());
    ASSERT_TRUE(machines.attach());
    ASSERT_TRUE(images.attach());
    ASSERT_TRUE(networks.attach());
    ASSERT_TRUE(job_objects.attach());
    ASSERT_TRUE(units.attach());
}

namespace {

using BusHandle = Handle<sd_bus, sd_bus_close_unref>;

BusHandle new_end(Fd socket, bool server)
{
    sd_bus* bus = nullptr;
    EXPECT_GE(sd_bus_new(&bus), 0);
    const int fd = socket.release();
    EXPECT_GE(sd_bus_set_fd(bus, fd, fd), 0);
    if (server) {
        sd_id128_t id;
        sd_id128_randomize(&id);
        EXPECT_GE(sd_bus_set_server(bus, 1, id), 0);
    }
    sd_bus_set_anonymous(bus, 1);
    sd_bus_negotiate_fds(bus, 1);
    EXPECT_GE(sd_bus_start(bus), 0);
    return BusHandle(bus);
}

}  // namespace

BusTest::BusTest()
{
    std::string pattern = testing::TempDir() + "holm-bus.XXXXXX";
    prefix_ = ::mkdtemp(pattern.data());
    auto loop = systemd::Loop::open();
    loop_ = std::make_unique<systemd::Loop>(std::move(*loop));
    holmd = std::make_unique<Holmd>(*loop_, prefix_);
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    client_ = new_end(Fd(ends[0]), false);
    EXPECT_GE(sd_bus_attach_event(client_.get(), loop_->get(), SD_EVENT_PRIORITY_NORMAL), 0);
    sd_bus_slot* slot = nullptr;
    EXPECT_GE(sd_bus_add_filter(client_.get(), &slot, on_fake_call, this), 0);
    filter_.reset(slot);
    holmd->attach(new_end(Fd(ends[1]), true));
}

BusTest::~BusTest()
{
    filter_.reset();
    client_.reset();
    asked_.clear();
    holmd.reset();
    std::filesystem::remove_all(prefix_);
}

void BusTest::define(const std::string& name, const std::string& text)
{
    const std::string folder = prefix_ + "/etc/holm/machines";
    std::filesystem::create_directories(folder);
    ASSERT_TRUE(replace_file(fmt::format("{}/{}.toml", folder, name), text));
}

void BusTest::define_network(const std::string& name, const std::string& text)
{
    const std::string folder = prefix_ + "/etc/holm/networks";
    std::filesystem::create_directories(folder);
    ASSERT_TRUE(replace_file(fmt::format("{}/{}.toml", folder, name), text));
}

void BusTest::remove_network(const std::string& name)
{
    ASSERT_TRUE(std::filesystem::remove(fmt::format("{}/etc/holm/networks/{}.toml", prefix_, name)));
}

bool BusTest::heard(const std::string& what) const
{
    for (auto& call : calls)
        if (call.what == what) return true;
    return false;
}

// -- the client -----------------------------------------------------------------------------------------------------------------

systemd::MessageHandle BusTest::new_call(const char* sender, const std::string& path, const char* interface, const char* member)
{
    sd_bus_message* message = nullptr;
    EXPECT_GE(sd_bus_message_new_method_call(client_.get(), &message, api::bus_name, path.c_str(), interface, member), 0);
    EXPECT_GE(sd_bus_message_set_sender(message, sender), 0);
    return systemd::MessageHandle(message);
}

std::shared_ptr<Answer> BusTest::send(systemd::MessageHandle message)
{
    auto answer = asked_.emplace_back(std::make_shared<Answer>());
    auto answered = [](sd_bus_message* m, void* userdata, sd_bus_error*) noexcept {
        auto& into = *static_cast<Answer*>(userdata);
        into.come = true;
        if (const sd_bus_error* error = sd_bus_message_get_error(m))
            into.error = error->name, into.text = error->message ? error->message : "";
        else into.message.reset(sd_bus_message_ref(m));
        return 1;
    };
    EXPECT_GE(sd_bus_call_async(client_.get(), nullptr, message.get(), answered, answer.get(), 5'000'000), 0);
    return answer;
}

Answer BusTest::wait_for(const std::shared_ptr<Answer>& answer)
{
    EXPECT_TRUE(run_until([&] { return answer->come; })) << "no answer";
    return std::move(*answer);
}

bool BusTest::run_until(const std::function<bool()>& done)
{
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    while (!done() && std::chrono::steady_clock::now() < end) EXPECT_TRUE(loop_->run_once(std::chrono::milliseconds(20)));
    return done();
}

void BusTest::run_a_while()
{
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(loop_->run_once(std::chrono::milliseconds(1)));
}

void BusTest::hang_up()
{
    filter_.reset();
    client_.reset();
}

// -- the host -------------------------------------------------------------------------------------------------------------------

int BusTest::on_fake_call(sd_bus_message* message, void* self, sd_bus_error*) noexcept
{
    return static_cast<BusTest*>(self)->answer_as_host(message);
}

int BusTest::answer_as_host(sd_bus_message* message)
{
    uint8_t type = 0;
    sd_bus_message_get_type(message, &type);
    if (type == SD_BUS_MESSAGE_SIGNAL) return hear_signal(message), 0;
    if (type != SD_BUS_MESSAGE_METHOD_CALL) return 0;
    const std::string_view interface = sd_bus_message_get_interface(message);
    if (interface == "org.freedesktop.DBus") return answer_credentials(message);
    if (interface == "org.freedesktop.PolicyKit1.Authority") return answer_polkit(message);
    if (interface == "org.freedesktop.resolve1.Manager") return answer_resolved(message);
    if (interface == "org.freedesktop.systemd1.Manager") return answer_systemd(message);
    return 0;
}

void BusTest::hear_signal(sd_bus_message* message)
{
    std::string text = sd_bus_message_get_member(message);
    if (text == "JobRemoved") {
        uint32_t id = 0;
        systemd::ObjectPath path;
        std::string machine, result, why;
        if (read_all_of(message, id, path, machine, result, why)) text += fmt::format(" {} {} {}", machine, result, why);
        sd_bus_message_rewind(message, 1);
    }
    signals.push_back(text);
}

// ":1.1000" is uid 1000.
int BusTest::answer_credentials(sd_bus_message* message)
{
    if (credentials == Credentials::Withheld) return 1;
    auto name = systemd::read<std::string>(message);
    const uint32_t uid = static_cast<uint32_t>(std::stoul(name->substr(3)));
    sd_bus_message* answer = nullptr;
    EXPECT_GE(sd_bus_message_new_method_return(message, &answer), 0);
    const systemd::MessageHandle owner(answer);
    // With what our reader does not know, as dbus-daemon sends it.
    EXPECT_GE(sd_bus_message_append(answer, "a{sv}", 3, "UnixGroupIDs", "au", 2, 4U, 5U, "UnixUserID", "u", uid, "ProcessID", "u", 4242U),
              0);
    return sd_bus_send(nullptr, answer, nullptr) < 0 ? -1 : 1;
}

int BusTest::answer_polkit(sd_bus_message* message)
{
    std::tuple<std::string, systemd::Options> subject;
    std::string action;
    Heard check;
    EXPECT_TRUE(read_all_of(message, subject, action, check.details));
    check.what = action;
    calls.push_back(check);
    if (polkit == Polkit::IsAbsent)
        return sd_bus_reply_method_errorf(message, "org.freedesktop.DBus.Error.ServiceUnknown", "no polkit") < 0 ? -1 : 1;
    return sd_bus_reply_method_return(message, "(bba{ss})", polkit == Polkit::Grants, 0, 0) < 0 ? -1 : 1;
}

// "SetLinkDNS 7 10.9.0.1", "SetLinkDomains 7 ~lan.example".
int BusTest::answer_resolved(sd_bus_message* message)
{
    if (resolved == Resolved::IsAbsent)
        return sd_bus_reply_method_errorf(message, "org.freedesktop.DBus.Error.ServiceUnknown", "no resolved") < 0 ? -1 : 1;
    EXPECT_EQ(sd_bus_message_get_auto_start(message), 0) << "it is not started";
    int32_t link = 0;
    std::string text;
    if (std::string_view(sd_bus_message_get_member(message)) == "SetLinkDNS") {
        std::vector<std::tuple<int32_t, std::vector<uint8_t>>> servers;
        EXPECT_TRUE(read_all_of(message, link, servers));
        for (auto& [family, bytes] : servers) {
            char address[INET6_ADDRSTRLEN] = "";
            EXPECT_TRUE(::inet_ntop(family, bytes.data(), address, sizeof address));
            text += fmt::format(" {}", address);
        }
    } else {
        std::vector<std::tuple<std::string, bool>> domains;
        EXPECT_TRUE(read_all_of(message, link, domains));
        for (auto& [domain, only_routes] : domains) text += fmt::format(" {}{}", only_routes ? "~" : "", domain);
    }
    calls.push_back({fmt::format("{} {}{}", sd_bus_message_get_member(message), link, text), {}});
    return sd_bus_reply_method_return(message, "") < 0 ? -1 : 1;
}

int BusTest::answer_systemd(sd_bus_message* message)
{
    const std::string member = sd_bus_message_get_member(message);
    std::string unit;
    if (member == "EnableUnitFiles" || member == "DisableUnitFiles") unit = systemd::read<systemd::Strings>(message)->at(0);
    else if (member != "Subscribe" && member != "Reload") unit = *systemd::read<std::string>(message);
    calls.push_back({unit.empty() ? member : member + " " + unit, {}});
    if (!systemd_error.empty()) return sd_bus_reply_method_errorf(message, systemd_error.c_str(), "no") < 0 ? -1 : 1;
    if (member == "EnableUnitFiles") return sd_bus_reply_method_return(message, "ba(sss)", 1, 0) < 0 ? -1 : 1;
    if (member == "DisableUnitFiles") return sd_bus_reply_method_return(message, "a(sss)", 0) < 0 ? -1 : 1;
    if (member != "StartUnit" && member != "StopUnit" && member != "RestartUnit")
        return sd_bus_reply_method_return(message, "") < 0 ? -1 : 1;
    // A restart is merged into the job that is there, as systemd does it; other requests replace it.
    if (member != "RestartUnit" || !unit_jobs_.contains(unit)) unit_jobs_[unit] = ++last_job_;
    return sd_bus_reply_method_return(message, "o", fmt::format("/org/freedesktop/systemd1/job/{}", last_job_).c_str()) < 0 ? -1 : 1;
}

void BusTest::end_job(const std::string& unit, const std::string& result)
{
    const uint32_t id = unit_jobs_.at(unit);
    unit_jobs_.erase(unit);
    sd_bus_message* signal = nullptr;
    EXPECT_GE(
        sd_bus_message_new_signal(client_.get(), &signal, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "JobRemoved"),
        0);
    const systemd::MessageHandle owner(signal);
    EXPECT_GE(sd_bus_message_set_sender(signal, "org.freedesktop.systemd1"), 0);
    EXPECT_TRUE(append_all(signal, id, systemd::ObjectPath{fmt::format("/org/freedesktop/systemd1/job/{}", id)}, unit, result));
    EXPECT_GE(sd_bus_send(nullptr, signal, nullptr), 0);
}

}  // namespace holm::test
