#include "machine/spec_file.h"

#include <gtest/gtest.h>

namespace holm::machine {
namespace {

const MachineName web = *parse_name("web");

Result<Spec> parse(std::string text)
{
    const Source source{"web.toml", std::move(text)};
    return parse_spec(web, std::span(&source, 1));
}

// Of a definition whose root is good already.
Result<Spec> with_root(const std::string& text)
{
    return parse("root.path = \"/srv/web\"\n" + text);
}

std::string failure(std::string text)
{
    auto spec = parse(std::move(text));
    return spec ? "" : spec.error().text;
}

std::string failure_with_root(const std::string& text)
{
    return failure("root.path = \"/srv/web\"\n" + text);
}

// Every key of holm.machine(5).
constexpr const char* everything = R"(
description = "front end"
profiles = ["small"]
labels = { tier = "front" }
owner = "alice"
protect = ["remove"]
[root]
lower = ["/srv/app", "/srv/base"]
upper = "/srv/web.upper"
mode = "persistent"
[payload]
boot = false
command = ["/usr/bin/app", "-v"]
init = true
user = "app"
working_directory = "/work"
environment = { A = "b", Z = "1" }
start_timeout = "1min"
stop_timeout = 30
stop_signal = "SIGRTMIN+3"
ready = "port:80"
restart = "on-failure"
restart_delay = "200ms"
restart_limit = 6
[[mount]]
source = "/srv/www"
target = "/var/www"
type = "bind"
read_only = true
optional = true
options = ["nodev"]
owner = "user:alice=1000"
[[mount]]
target = "/scratch"
type = "tmpfs"
options = ["size=64M", "mode=1777"]
[[network]]
network = "lan"
interface = "eth0"
address = ["10.213.0.5"]
mac = "02:00:5e:10:00:05"
mtu = 1500
aliases = ["www"]
ingress = "100M"
egress = "10M"
allow = ["in tcp 80 from 10.0.0.0/8"]
deny = ["out any to 169.254.169.254"]
publish = ["8080:80", "127.0.0.1:2222:22/tcp", "[::]:5353:53/udp", "7000-7010:7000-7010"]
[resources]
MemoryMax = "512M"
CPUQuota = "50%"
TasksMax = 200
AllowedCPUs = "0-1"
IOReadBandwidthMax = ["/dev/sda 1M", "/dev/sdb 2M"]
CPUAccounting = true
[security]
users = "524288:65536"
capabilities = { add = ["CAP_NET_ADMIN"], drop = ["mknod"] }
syscalls = { profile = "default", allow = ["keyctl"], deny = ["@mount"], log = true }
devices = ["/dev/fuse"]
no_new_privileges = true
nesting = true
apparmor = "holm"
selinux = "x"
rlimits = { NOFILE = "1024:524288", CORE = 0 }
oom_score_adjust = -100
sysctl = { "net.core.somaxconn" = "1024" }
isolation = "runsc"
time_offset = { boottime = "-1d", monotonic = "1s" }
[identity]
hostname = "web1"
machine_id = "0123456789abcdef0123456789abcdef"
timezone = "Europe/Berlin"
resolv_conf = "off"
[[credential]]
name = "db.password"
file = "/etc/holm/secrets/db"
[health]
command = ["/usr/bin/check"]
interval = "11s"
timeout = "3s"
retries = 4
on_failure = "restart"
[unit]
slice = "machine-shop.slice"
after = ["machine:db", "nginx.service"]
requires = ["a.mount"]
wants = ["b.service"]
)";

TEST(SpecFile, ReadsEveryKey)
{
    auto spec = parse(everything);
    ASSERT_TRUE(spec) << spec.error().text;
    EXPECT_EQ(spec->root.lower, (std::vector<std::string>{"/srv/app", "/srv/base"}));
    EXPECT_EQ(spec->payload.command[1], "-v");
    EXPECT_EQ(spec->payload.environment[1], (std::pair<std::string, std::string>("Z", "1")));
    EXPECT_EQ(spec->payload.stop_timeout, std::chrono::seconds(30));
    EXPECT_EQ(spec->payload.ready, (Ready{ReadyKind::Port, "80"}));
    EXPECT_EQ(spec->mounts[0].owner_user, "alice");
    EXPECT_EQ(spec->mounts[0].owner_id, 1000u);
    EXPECT_EQ(spec->mounts[1].options[0], "size=67108864");
    EXPECT_EQ(spec->networks[0].publish.size(), 4u);
    ASSERT_EQ(spec->resources.size(), 7u);
    EXPECT_EQ(spec->resources[2], (std::pair<std::string, std::string>("TasksMax", "200")));
    EXPECT_EQ(spec->resources[5], (std::pair<std::string, std::string>("IOReadBandwidthMax", "/dev/sdb 2M")));
    EXPECT_EQ(spec->security.users, (Users{UsersKind::Range, 524288, 65536}));
    EXPECT_EQ(spec->security.capabilities_drop[0], "CAP_MKNOD");
    EXPECT_EQ(spec->security.rlimits.at("CORE").second, 0u);
    EXPECT_EQ(spec->security.boottime_offset, std::chrono::hours(-24));
    EXPECT_EQ(spec->identity.machine_id, MachineIdKind::Given);
    EXPECT_EQ(spec->health->retries, 4u);
    EXPECT_EQ(spec->unit.after[0], "holm@db.service");
}

TEST(SpecFile, LeastDefinitionIsAllDefaults)
{
    auto spec = parse("root.path = \"/srv/web\"");
    ASSERT_TRUE(spec) << spec.error().text;
    Spec expected;
    expected.name = web;
    expected.root.path = "/srv/web";
    expected.origins = spec->origins;
    EXPECT_EQ(*spec, expected);
    EXPECT_TRUE(boots(spec->payload));
    EXPECT_FALSE(boots(with_root("payload.command = [\"x\"]")->payload));
}

TEST(SpecFile, UnknownKeysNameTheNearest)
{
    EXPECT_EQ(failure("[root]\n  lowr = []"), "web.toml:2:3: unknown key 'root.lowr' (did you mean 'lower'?)");
    EXPECT_EQ(failure_with_root("Payload = 1"), "web.toml:2:1: unknown key 'Payload' (did you mean 'payload'?)");
    EXPECT_EQ(failure_with_root("[[mount]]\nsourc = \"/a\""), "web.toml:3:1: unknown key 'mount[0].sourc' (did you mean 'source'?)");
    EXPECT_EQ(failure_with_root("xyzzy = 1"), "web.toml:2:1: unknown key 'xyzzy'");
    EXPECT_EQ(
        failure_with_root("[resources]\nMemoryMaxx = 1"),
        "web.toml:3:1: 'resources.MemoryMaxx': 'MemoryMaxx' is no property of systemd.resource-control(5) (did you mean 'MemoryMax'?)");
}

TEST(SpecFile, WrongTypesAreNamed)
{
    EXPECT_EQ(failure("[root]\npath = 1"), "web.toml:2:1: 'root.path': must be a string, not an integer");
    EXPECT_EQ(failure("root = \"/srv\""), "web.toml:1:1: 'root': must be a table, not a string");
    EXPECT_EQ(failure("[root]\nlower = [\"/a\",\n 7]"), "web.toml:3:2: 'root.lower[1]': must be a string, not an integer");
    EXPECT_EQ(failure_with_root("payload.boot = \"yes\""), "web.toml:2:9: 'payload.boot': must be true or false, not a string");
    EXPECT_EQ(failure_with_root("payload.restart_limit = 1.0"),
              "web.toml:2:9: 'payload.restart_limit': must be an integer, not a number with a fraction");
    EXPECT_EQ(failure_with_root("mount = 1"), "web.toml:2:1: 'mount': must be an array of tables, not an integer");
    for (const char* bad : {"description = 2020-01-01", "description = nan", "description = []", "protect = \"remove\"", "labels = [1]",
                            "profiles = 1", "[[payload]]\nboot = true", "payload = []", "mount = [1]", "payload.environment = { A = 1 }"})
        EXPECT_NE(failure_with_root(bad), "") << bad;
}

TEST(SpecFile, ValuesAreChecked)
{
    EXPECT_EQ(failure("[root]\npath = \"/a\"\nmode = \"ephemeral\"\nsize = \"1KB\""),
              "web.toml:4:1: 'root.size': '1KB' is no size: numbers, and B, K, M, G, T, P or E (of 1024) behind them");
    EXPECT_EQ(failure_with_root("payload.restart = \"allways\""),
              "web.toml:2:9: 'payload.restart': 'allways' is none of no, on-failure, always (did you mean 'always'?)");
    EXPECT_EQ(failure_with_root("security.oom_score_adjust = 1001"),
              "web.toml:2:10: 'security.oom_score_adjust': 1001 is out of range: -1000 to 1000");
    for (const char* bad : {"payload.restart_limit = -1",
                            "payload.start_timeout = -1",
                            "payload.stop_signal = 0",
                            "payload.user = \"\"",
                            "payload.environment = { \"A B\" = \"x\" }",
                            "payload.command = [\"\"]",
                            "payload.command = [\"a\\u0000b\"]",
                            "identity.hostname = \"a b\"",
                            "identity.machine_id = \"x\"",
                            "identity.timezone = \"../etc/passwd\"",
                            "identity.resolv_conf = \"replace\"",
                            "identity.resolv_conf = \"bind-\"",
                            "identity.resolv_conf = \"copy-me\"",
                            "owner = \"0\"",
                            "labels = { \"a b\" = \"x\" }",
                            "labels = { a = \"x\\ny\" }",
                            "unit.slice = \"x.service\"",
                            "unit.after = [\"x\"]",
                            "[[network]]\nnetwork = \"lan\"\nmtu = 67",
                            "[[credential]]\nname = \"../x\"\nfile = \"/x\"",
                            "security.rlimits = { FOO = 1 }",
                            "security.users = \"0:65536\"",
                            "description = \"a\\nExecStart=/bin/x\"",
                            "[security.sysctl]\n\"a.b\" = \"x\\ny\""})
        EXPECT_NE(failure_with_root(bad), "") << bad;
}

TEST(SpecFile, ChecksOfHealthLeaveTheHostSomeRest)
{
    EXPECT_EQ(failure_with_root("[health]\nport = 80\ninterval = \"0s\""),
              "web.toml:4:1: 'health.interval': must be at least 100ms: a check each time takes CPU of the host");
    EXPECT_EQ(failure_with_root("[health]\nport = 80\ntimeout = 0"),
              "web.toml:4:1: 'health.timeout': must be at least 100ms: no check ends in less on a host that is busy");
    EXPECT_NE(failure_with_root("[health]\nport = 80\ninterval = \"99ms\""), "");
    EXPECT_EQ(failure_with_root("[health]\nport = 80\ninterval = \"100ms\"\ntimeout = \"infinity\""), "");
}

TEST(SpecFile, ExactlyOneRoot)
{
    EXPECT_EQ(failure(""), "web.toml:1:1: 'root': one of path, image and lower must be given");
    EXPECT_EQ(failure("[payload]\nboot = true\n[root]\nupper = \"/u\""),
              "web.toml:3:2: 'root': one of path, image and lower must be given");
    EXPECT_EQ(failure("[root]\npath = \"/a\"\nimage = \"b\""),
              "web.toml:3:1: 'root.image': only one of path, image and lower can be given");
    EXPECT_EQ(failure("[root]\nlower = []"), "web.toml:1:2: 'root': one of path, image and lower must be given");
    EXPECT_EQ(failure("[root]\nimage = \"debian-12\""), "");
}

TEST(SpecFile, LayersDoNotMeet)
{
    EXPECT_EQ(failure("[root]\nlower = [\"/a\", \"/b\"]\nupper = \"/b/\""), "web.toml:3:1: 'root.upper': '/b' is root.lower[1] too");
    EXPECT_EQ(failure("[root]\nlower = [\"/a\", \"/u/b\"]\nupper = \"/u\""),
              "web.toml:2:16: 'root.lower[1]': '/u/b' lies inside root.upper '/u'");
    EXPECT_EQ(failure("[root]\nlower = [\"/a/b\", \"/a\"]"), "web.toml:2:10: 'root.lower[0]': '/a/b' lies inside root.lower[1] '/a'");
    EXPECT_EQ(failure("[root]\nlower = [\"/a\", \"/a/.\"]"), "web.toml:2:16: 'root.lower[1]': '/a' is in the list twice");
    EXPECT_EQ(failure("[root]\npath = \"/a\"\nupper = \"/a\""), "web.toml:3:1: 'root.upper': '/a' is root.path too");
    EXPECT_EQ(failure("[root]\nlower = [\"/\"]\nupper = \"/srv/u\""), "");  // the kernel allows it, and so does the default upper
    EXPECT_EQ(failure("[root]\nlower = [\"/a:b,c\\\\d e\"]\nupper = \"/ab\""), "");
    std::string lowers;
    for (int i = 0; i < 65; ++i) lowers += "\"/l" + std::to_string(i) + "\",";
    EXPECT_EQ(failure("root.lower = [" + lowers + "]"), "web.toml:1:6: 'root.lower': has 65 elements; 64 is the most");
}

TEST(SpecFile, KeysThatExcludeEachOther)
{
    for (const char* bad : {"root.mode = \"read-only\"\nroot.upper = \"/u\"",
                            "root.mode = \"volatile\"\nroot.upper = \"/u\"",
                            "root.size = \"1G\"",
                            "root.mode = \"ephemeral\"\nroot.size = 0",
                            "payload.boot = false",
                            "payload.init = true",
                            "[[mount]]\nsource = \"/a\"",
                            "[[mount]]\ntarget = \"/a\"",
                            "[[mount]]\nsource = \"/a\"\ntarget = \"/\"",
                            "[[mount]]\nsource = \"/a\"\ntarget = \"/a\"\ntype = \"tmpfs\"",
                            "[[mount]]\nsource = \"a\"\ntarget = \"/a\"",
                            "[[mount]]\nsource = \"/a\"\ntarget = \"/a\"\ntype = \"volume\"",
                            "[[mount]]\nsource = \"/a\"\ntarget = \"/a\"\noptions = [\"size=1M\"]",
                            "[[mount]]\nsource = \"/a\"\ntarget = \"/a\"\n[[mount]]\nsource = \"/b\"\ntarget = \"/a/\"",
                            "[[network]]\nmtu = 1500",
                            "[[network]]\nnetwork = \"none\"\n[[network]]\nnetwork = \"lan\"",
                            "[[credential]]\nname = \"a\"",
                            "[[credential]]\nname = \"a\"\nfile = \"/x\"\nvalue = \"y\"",
                            "[[credential]]\nname = \"a\"\nvalue = \"\"",
                            "[[credential]]\nname = \"a\"\nfile = \"/x\"\n[[credential]]\nname = \"a\"\nfile = \"/y\"",
                            "security.capabilities = { add = [\"CAP_KILL\"], drop = [\"kill\"] }",
                            "[health]\ninterval = 1",
                            "[health]\nport = 1\nunit = \"a.service\""})
        EXPECT_NE(failure_with_root(bad), "") << bad;
}

TEST(SpecFile, SourcesAreLaidOverEachOther)
{
    const Source sources[] = {
        {"small.toml", "[payload]\nuser = \"app\"\ninit = true\n[[mount]]\nsource = \"/a\"\ntarget = \"/a\"\n[resources]\nTasksMax = 5\n"},
        {"web.toml",
         "[root]\npath = \"/srv/web\"\n[payload]\nuser = \"www\"\ncommand = [\"x\"]\n[[mount]]\nsource = \"/b\"\ntarget = \"/b\"\n"},
        {"web.toml.d/90-set.toml", "[resources]\nTasksMax = 6\nMemoryMax = \"1G\"\n"}};
    auto spec = parse_spec(web, sources);
    ASSERT_TRUE(spec) << spec.error().text;
    EXPECT_EQ(spec->payload.user, "www");
    EXPECT_TRUE(spec->payload.init);
    ASSERT_EQ(spec->mounts.size(), 2u);
    EXPECT_EQ(spec->mounts[1].source, "/b");
    EXPECT_EQ(spec->resources, (std::vector<std::pair<std::string, std::string>>{{"TasksMax", "6"}, {"MemoryMax", "1G"}}));
    EXPECT_EQ(describe_origin(*spec, "resources.TasksMax"), " (web.toml.d/90-set.toml:2:1)");
    EXPECT_EQ(describe_origin(*spec, "payload.init"), " (small.toml:3:1)");
    EXPECT_EQ(describe_origin(*spec, "mount[1].source"), " (web.toml:7:1)");
    EXPECT_EQ(describe_origin(*spec, "mount[1].owner"), " (web.toml:6:1)");
    EXPECT_EQ(describe_origin(*spec, "security.users"), "");
}

TEST(SpecFile, Profiles)
{
    EXPECT_EQ(*profiles_of({"f", "profiles = [\"a\", \"b\"]\n[root]\nnonsense = 1"}), (std::vector<std::string>{"a", "b"}));
    EXPECT_TRUE(profiles_of({"f", ""})->empty());
    EXPECT_EQ(profiles_of({"f", "profiles = [\"../a\"]"}).error().text.substr(0, 24), "f:1:13: 'profiles[0]': '");
}

TEST(SpecFile, KeysThatNoSandboxCanDoAreRefusedByName)
{
    EXPECT_TRUE(check_supported(*with_root("")));
    const std::string kata = "security.isolation = \"kata\"\n", command = "payload.command = [\"/bin/true\"]\n";
    EXPECT_TRUE(check_supported(*with_root(kata + command)));
    EXPECT_EQ(check_supported(*with_root(kata)).error().text,
              "'payload.boot' does not go with isolation = \"kata\": a sandbox runs one command; leave out one of the two");
    EXPECT_EQ(check_supported(*with_root(kata + command + "security.nesting = true")).error().text,
              "'security.nesting' does not go with isolation = \"kata\": the kernel that its programs see is the sandbox's own; leave out "
              "one of the two (web.toml:4:10)");
    EXPECT_EQ(check_supported(*with_root(kata)).error().code, Errc::NotSupported);
    for (const char* key :
         {"payload.init = true", "payload.ready = \"notify\"", "payload.ready = \"unit:x.service\"", "security.users = \"host\"",
          "security.syscalls.log = true", "security.devices = [\"/dev/fuse\"]", "security.apparmor = \"x\"", "security.selinux = \"x\"",
          "security.sysctl = { \"net.x\" = \"1\" }", "security.time_offset = { boottime = \"1s\" }"})
        EXPECT_FALSE(check_supported(*with_root(kata + command + key))) << key;
    for (const char* now : {"payload.ready = \"port:80\"",
                            "payload.restart = \"always\"",
                            "health.port = 80",
                            "payload.ready = \"notify\"",
                            "[[network]]\nnetwork = \"host\"",
                            "[[mount]]\nsource = \"/v.raw\"\ntarget = \"/v\"\ntype = \"image\"",
                            "[[mount]]\nsource = \"base\"\ntarget = \"/v\"\ntype = \"image\"",
                            "[[mount]]\nsource = \"/v\"\ntarget = \"/v\"\nowner = \"host\"",
                            "[[mount]]\ntarget = \"/v\"\ntype = \"inaccessible\"",
                            "[[mount]]\nsource = \"/v\"\ntarget = \"/v\"\nowner = \"user:a=1\"",
                            "[[mount]]\nsource = \"/v\"\ntarget = \"/v\"\ntype = \"overlay\"\noptions = [\"upper=/u\"]",
                            "identity.timezone = \"off\"",
                            "identity.timezone = \"Europe/Berlin\"",
                            "identity.timezone = \"bind\"",
                            "identity.resolv_conf = \"copy\"",
                            "identity.resolv_conf = \"bind-stub\"",
                            "[resources]\nMemoryMax = \"1G\"",
                            "[resources]\nIPAddressDeny = \"any\"",
                            "security.syscalls.deny = [\"x\"]",
                            "security.devices = [\"/dev/fuse\"]",
                            "security.nesting = true"})
        EXPECT_TRUE(check_supported(*with_root(now))) << now;
}

TEST(SpecFile, OriginsAreShownBehindTheirKeys)
{
    auto spec = with_root("description = \"x\"\n");
    EXPECT_EQ(describe_spec_file(*spec, Origins::Comment),
              "description = \"x\"  # web.toml:2\n\n[root]\npath = \"/srv/web\"  # web.toml:1\n");
    EXPECT_EQ(describe_spec_file(*spec), "description = \"x\"\n\n[root]\npath = \"/srv/web\"\n");
}

TEST(SpecFile, EverythingIsWrittenAndReadBack)
{
    auto spec = parse(everything);
    for (Origins origins : {Origins::Leave, Origins::Comment}) {
        auto again = parse(describe_spec_file(*spec, origins));
        ASSERT_TRUE(again) << again.error().text << "\n" << describe_spec_file(*spec, origins);
        again->origins = spec->origins;
        EXPECT_EQ(*again, *spec) << describe_spec_file(*spec, origins);
    }
}

}  // namespace
}  // namespace holm::machine
