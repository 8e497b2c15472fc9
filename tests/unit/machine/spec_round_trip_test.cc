// parse_spec(describe_spec_file(spec)) == spec, for specs drawn at random from what definitions can say.
#include <random>

#include <gtest/gtest.h>

#include "machine/guest_files.h"
#include "machine/spec_file.h"

namespace holm::machine {
namespace {

class Draw {
public:
    explicit Draw(unsigned seed) : random_(seed) {}
    bool coin() { return random_() % 2 == 0; }
    template <typename T>
    T of(std::initializer_list<T> choices)
    {
        return *(choices.begin() + random_() % choices.size());
    }
    // Text with everything that TOML must escape.
    std::string text()
    {
        std::string text;
        for (unsigned i = random_() % 12; i > 0; --i)
            text += of<const char*>({"a", "\"", "\\", "\n", "\t", "\x01", "#", "'", "=", "[", "ä", " ", "\x7f", "${x}", "\"\"\""});
        return text;
    }
    std::string line() { return of<const char*>({"", "front end", "\"quoted\" \\ # '", "ä 😀", "a = [b]"}); }
    std::string path() { return of<const char*>({"/srv/a", "/srv/b c", "/srv/c:d,e", "/srv/\\x\"y", "/ä"}); }
    Microseconds span() { return of<Microseconds>({std::chrono::seconds(5), std::chrono::milliseconds(1500), Microseconds(7)}); }
    template <typename T>
    std::vector<T> list(std::initializer_list<T> choices)
    {
        std::vector<T> all;
        for (const T& choice : choices)
            if (coin()) all.push_back(choice);
        return all;
    }

private:
    std::mt19937 random_;
};

void draw_root(Draw& draw, RootSpec& root)
{
    switch (draw.of({0, 1, 2})) {
    case 0: root.path = draw.path(); break;
    case 1: root.image = "debian-12"; break;
    default: root.lower = {"/l/b", "/l/a", draw.path()}; break;
    }
    root.mode = draw.of({RootMode::Persistent, RootMode::Ephemeral, RootMode::ReadOnly, RootMode::Volatile});
    if ((root.mode == RootMode::Ephemeral || (root.mode == RootMode::Persistent && !root.upper.empty())) && draw.coin())
        root.size = draw.of<uint64_t>({1, 4096, 3ull << 30});
    else if (root.mode == RootMode::Persistent && draw.coin()) root.upper = "/upper";
}

void draw_payload(Draw& draw, PayloadSpec& payload)
{
    if (draw.coin()) {
        payload.command = {"/bin/sh", draw.text(), draw.text()};
        payload.init = draw.coin();
        if (draw.coin()) payload.boot = false;
    } else if (draw.coin()) payload.boot = true;
    payload.user = draw.of<const char*>({"root", "1000:100", "app"});
    payload.working_directory = draw.path();
    if (draw.coin()) payload.environment = {{"Z", draw.text()}, {"A", draw.text()}};
    if (draw.coin()) payload.start_timeout = draw.span();
    if (draw.coin()) payload.stop_timeout = Microseconds::max();
    if (draw.coin()) payload.stop_signal = draw.of({1, 15, 37, 64});
    payload.ready = draw.of<Ready>({{}, {ReadyKind::Started, ""}, {ReadyKind::Unit, "a.service"}, {ReadyKind::Command, "/bin/x \"y\""}});
    payload.restart = draw.of({Restart::No, Restart::OnFailure, Restart::Always});
    payload.restart_delay = draw.span();
    payload.restart_limit = draw.of({0u, 5u, 17u});
}

void draw_lists(Draw& draw, Spec& spec)
{
    if (draw.coin())
        spec.mounts.push_back({.source = draw.path(), .target = "/m/\"1\"", .read_only = draw.coin(), .owner = MountOwner::Host});
    if (draw.coin()) spec.mounts.push_back({.target = "/m/2", .type = MountType::Tmpfs, .options = {"size=4096", "nodev"}});
    if (draw.coin())
        spec.mounts.push_back({.source = "data",
                               .target = "/m/3",
                               .type = MountType::Volume,
                               .optional = draw.coin(),
                               .owner = MountOwner::User,
                               .owner_user = "alice",
                               .owner_id = 1000});
    if (draw.coin())
        spec.networks.push_back({.network = "lan",
                                 .address = {"10.0.0.5/8"},
                                 .mac = "02:00:00:00:00:01",
                                 .mtu = 9000,
                                 .aliases = {"a", "b"},
                                 .ingress = "1M",
                                 .allow = {"in tcp 1"},
                                 .publish = {"1:2"}});
    if (draw.coin()) spec.networks.push_back({.network = "bridge:br0", .interface = "eth1"});
    if (draw.coin()) spec.credentials.push_back({"a.b", draw.path(), ""});
    if (draw.coin()) spec.credentials.push_back({"c", "", "a\nb" + draw.line()});
    spec.resources = draw.list<std::pair<std::string, std::string>>({{"MemoryMax", "50%"},
                                                                     {"IOReadBandwidthMax", "/dev/a 1"},
                                                                     {"IOReadBandwidthMax", "/dev/b\" 2"},
                                                                     {"CPUQuota", ""},
                                                                     {"TasksMax", "3"}});
}

void draw_security(Draw& draw, SecuritySpec& security)
{
    security.users = draw.of<Users>({{}, {UsersKind::Identity, 0, 0}, {UsersKind::Host, 0, 0}, {UsersKind::Range, 1 << 20, 1 << 17}});
    security.capabilities_add = draw.list<std::string>({"CAP_NET_ADMIN", "CAP_BPF"});
    security.capabilities_drop = draw.list<std::string>({"CAP_KILL"});
    security.syscalls_deny = draw.list<std::string>({"mount", "@keyring"});
    security.syscalls_log = draw.coin();
    security.devices = draw.list<std::string>({"/dev/fuse", "/dev/net/tun:rw"});
    if (draw.coin()) security.no_new_privileges = draw.coin();
    security.apparmor = draw.line();
    if (draw.coin()) security.rlimits = {{"NOFILE", {1, UINT64_MAX}}, {"CORE", {0, 0}}};
    if (draw.coin()) security.oom_score_adjust = -7;
    if (draw.coin()) security.sysctl = {{"net.a", draw.line()}};
    security.isolation = draw.of<const char*>({"namespaces", "runsc"});
    if (draw.coin()) security.boottime_offset = draw.of({std::chrono::nanoseconds(-7), std::chrono::nanoseconds(std::chrono::hours(7))});
}

Spec draw_spec(unsigned seed)
{
    Draw draw(seed);
    Spec spec;
    spec.name = *parse_name("web");
    spec.description = draw.line();
    spec.profiles = draw.list<std::string>({"small", "big"});
    if (draw.coin()) spec.labels = {{"tier/x", draw.line()}, {"a", "b"}};
    spec.owner = draw.of<const char*>({"", "alice"});
    spec.protect = draw.list<std::string>({"remove", "start", "stop"});
    draw_root(draw, spec.root);
    draw_payload(draw, spec.payload);
    draw_lists(draw, spec);
    draw_security(draw, spec.security);
    spec.identity.hostname = draw.of<const char*>({"", "a.b"});
    spec.identity.machine_id =
        draw.of({MachineIdKind::Default, MachineIdKind::Keep, MachineIdKind::Fresh, MachineIdKind::Derived, MachineIdKind::Given});
    if (spec.identity.machine_id == MachineIdKind::Given) spec.identity.machine_id_value = "0123456789abcdef0123456789abcdef";
    spec.identity.timezone = draw.of<const char*>({"copy", "off", "Etc/GMT+1"});
    spec.identity.resolv_conf =
        *parse_resolv_conf(draw.of<const char*>({"auto", "off", "delete", "copy-host", "replace-static", "bind-uplink", "copy-stub"}));
    if (draw.coin())
        spec.health = HealthSpec{.port = 80,
                                 .interval = draw.of<Microseconds>({std::chrono::seconds(5), std::chrono::milliseconds(1500)}),
                                 .on_failure = OnUnhealthy::Stop};
    spec.unit.slice = draw.of<const char*>({"machine.slice", "a-b.slice"});
    spec.unit.after = draw.list<std::string>({"holm@db.service", "a\\x2db.mount"});
    return spec;
}

TEST(SpecRoundTrip, WhatIsWrittenIsReadBack)
{
    for (unsigned seed = 0; seed < 2000; ++seed) {
        const Spec spec = draw_spec(seed);
        const Source source{"web.toml", describe_spec_file(spec)};
        auto again = parse_spec(spec.name, std::span(&source, 1));
        ASSERT_TRUE(again) << "seed " << seed << ": " << again.error().text << "\n" << source.text;
        again->origins.clear();
        ASSERT_EQ(*again, spec) << "seed " << seed << "\n" << source.text;
    }
}

}  // namespace
}  // namespace holm::machine
