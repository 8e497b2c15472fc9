// What the bus tests have in common: holmd's real objects on one end of a socket pair; on the other a client, and by the same
// connection all that holmd itself calls: dbus-daemon's credentials, polkit and systemd's manager, each a hand-written fake. No process
// is made, nothing of this machine is changed; machines have names that no host has.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "api/names.h"
#include "api/network_names.h"
#include "daemon/image_object.h"
#include "daemon/machine_object.h"
#include "daemon/manager_object.h"
#include "daemon/network_object.h"
#include "systemd/bus.h"
#include "systemd/loop.h"
#include "systemd/machined.h"
#include "systemd/unit.h"

namespace holm::test {

// holmd without its main: what daemon/service connects, with definitions below `prefix`.
struct Holmd {
    Holmd(systemd::Loop& loop, const std::string& prefix);
    void attach(Handle<sd_bus, sd_bus_close_unref> bus);

    systemd::Loop& loop;
    machine::Settings settings;
    daemon::Catalogue catalogue;
    systemd::Bus bus;
    systemd::Units units;
    systemd::Machined machined;
    daemon::Jobs jobs;
    daemon::Authority authority;
    daemon::NetworkServices network_services;
    daemon::Host host;
    daemon::Lifecycle lifecycle;
    daemon::ManagerObject manager;
    daemon::MachineObject machines;
    daemon::ImageObject images;
    daemon::NetworkObject networks;
    daemon::JobObject job_objects;
    unsigned reloads = 0;
};

// A call that a fake has received: "StartUnit holm@x.service replace".
struct Heard {
    std::string what;
    std::map<std::string, std::string> details;  // of CheckAuthorization
};

enum class Polkit { Grants, Refuses, IsAbsent };
enum class Credentials { Answered, Withheld };
enum class Resolved { Answers, IsAbsent };

// The answer of a call: a message, or the name and text of an error.
struct Answer {
    systemd::MessageHandle message;
    std::string error, text;
    bool come = false;

    bool ok() const { return come && error.empty(); }
    template <typename T>
    T read() const
    {
        auto value = systemd::read<T>(message.get());
        EXPECT_TRUE(value) << value.error().text;
        return value ? std::move(*value) : T{};
    }
};

class BusTest : public testing::Test {
protected:
    BusTest();
    ~BusTest() override;

    // A caller: its unique name, and whom the fake dbus-daemon says that it is.
    static constexpr const char* root = ":1.0";
    static constexpr const char* alice = ":1.1000";

    // Sends a call to holmd; the answer comes while the loop runs.
    template <typename... T>
    std::shared_ptr<Answer> send(const char* sender, const std::string& path, const char* interface, const char* member,
                                 const T&... arguments)
    {
        auto message = new_call(sender, path, interface, member);
        EXPECT_TRUE(systemd::append_all(message.get(), arguments...));
        return send(std::move(message));
    }
    template <typename... T>
    Answer call(const char* sender, const char* member, const T&... arguments)
    {
        return wait_for(send(sender, api::root_path, api::manager_interface, member, arguments...));
    }
    systemd::MessageHandle new_call(const char* sender, const std::string& path, const char* interface, const char* member);
    std::shared_ptr<Answer> send(systemd::MessageHandle message);
    Answer wait_for(const std::shared_ptr<Answer>& answer);
    // Runs the loop until `done`, for at most two seconds.
    bool run_until(const std::function<bool()>& done);
    void run_a_while();
    // The bus goes away.
    void hang_up();

    // "/etc/holm/machines/NAME.toml" below the prefix.
    void define(const std::string& name, const std::string& text);
    // The same of "/etc/holm/networks/NAME.toml".
    void define_network(const std::string& name, const std::string& text);
    void remove_network(const std::string& name);
    // systemd's end of a job: "done", "failed".
    void end_job(const std::string& unit, const std::string& result);
    bool heard(const std::string& what) const;

    Polkit polkit = Polkit::Refuses;
    Credentials credentials = Credentials::Answered;
    Resolved resolved = Resolved::Answers;
    std::string systemd_error;         // that it answers all requests with: "NoReply", which dbus-daemon says in its place
    std::vector<Heard> calls;          // that the fakes have received
    std::vector<std::string> signals;  // "JobRemoved 1 … " of holmd

private:
    static int on_fake_call(sd_bus_message* message, void* self, sd_bus_error*) noexcept;
    int answer_as_host(sd_bus_message* message);
    int answer_credentials(sd_bus_message* message);
    int answer_polkit(sd_bus_message* message);
    int answer_resolved(sd_bus_message* message);
    int answer_systemd(sd_bus_message* message);
    void hear_signal(sd_bus_message* message);

    std::string prefix_;
    std::unique_ptr<systemd::Loop> loop_;

protected:
    std::unique_ptr<Holmd> holmd;

private:
    Handle<sd_bus, sd_bus_close_unref> client_;
    Handle<sd_bus_slot, sd_bus_slot_unref> filter_;
    std::vector<std::shared_ptr<Answer>> asked_;  // where the answers go that have not come yet
    std::map<std::string, uint32_t> unit_jobs_;
    uint32_t last_job_ = 0;
};

}  // namespace holm::test
