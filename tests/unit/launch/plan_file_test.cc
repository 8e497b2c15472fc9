// plan.toml: a plan comes back as it was, whatever bytes its strings have; and what is no plan is refused with its place.
#include "launch/plan_file.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "example.h"

namespace holm::launch {
namespace {

using namespace std::string_literals;

Plan example_plan()
{
    return *make_plan(example::spec(), example::facts(), {});
}

void expect_back(const Plan& plan)
{
    std::string text = describe_plan_file(plan);
    auto read = parse_plan_file(text, "plan.toml");
    ASSERT_TRUE(read) << read.error().text << "\n" << text;
    EXPECT_EQ(*read, plan) << text;
}

// Plans of random shape whose strings are made of what breaks parsers.
class Random {
public:
    explicit Random(unsigned seed) : engine_(seed) {}

    Plan plan()
    {
        Plan plan = example_plan();
        plan.console = flag() ? Console::Pipes : Console::Terminal;
        plan.remove_at_end = flag();
        plan.state = path();
        plan.unit.description = text();
        plan.unit.properties = properties();
        root(plan.rootfs);
        security(plan.security);
        payload(plan.payload);
        network(plan.network);
        for (uint64_t i = below(3); i > 0; --i) plan.credentials.push_back({text(), path()});
        plan.locked_paths = paths();
        plan.shared_paths = paths();
        plan.warnings = texts();
        return plan;
    }

private:
    uint64_t below(uint64_t end) { return std::uniform_int_distribution<uint64_t>(0, end - 1)(engine_); }
    bool flag() { return below(2); }
    uint64_t number()
    {
        constexpr uint64_t edges[] = {0, 1, INT64_MAX, uint64_t{1} << 63, UINT64_MAX - 1, UINT64_MAX};
        return flag() ? edges[below(std::size(edges))] : below(UINT64_MAX);
    }
    std::string text()
    {
        static const std::string pieces[] = {"\n", "\"", "\\", "'",       "'''",      "\"\"\"", "\t",   "\r\n", "\x01", "\x7f", "ä",
                                             "→",  "😀", "#",  "=",       "[",        "]",      "{",    "}",    ",",    ".",    " ",
                                             "a",  "B",  "0",  "\\u0041", "\xc2\x85", "\b",     "\x1b", "true", "-"};
        std::string made;
        for (uint64_t i = below(8); i > 0; --i) made += pieces[below(std::size(pieces))];
        return made;
    }
    std::string path() { return "/" + text(); }
    std::vector<std::string> texts()
    {
        std::vector<std::string> made(below(4));
        for (std::string& one : made) one = text();
        return made;
    }
    std::vector<std::string> paths()
    {
        std::vector<std::string> made = texts();
        for (std::string& one : made) one.insert(0, "/");
        return made;
    }

    UnitProperty::Value value()
    {
        switch (below(9)) {
        case 0: return flag();
        case 1: return static_cast<int32_t>(number());
        case 2: return static_cast<uint32_t>(number());
        case 3: return number();
        case 4: return text();
        case 5: return texts();
        case 6: return UnitProperty::Bytes(below(5), static_cast<uint8_t>(below(256)));
        case 7: return UnitProperty::Pairs(below(3), {text(), text()});
        default: return UnitProperty::Limits(below(3), {text(), number()});
        }
    }
    std::vector<UnitProperty> properties()
    {
        std::vector<UnitProperty> made(below(6));
        for (UnitProperty& property : made) property = {text(), value()};
        return made;
    }

    rootfs::Mount mount()
    {
        rootfs::Mount made;
        made.type = static_cast<machine::MountType>(below(6));
        made.source = path(), made.target = path(), made.upper = path(), made.work = path();
        made.read_only = flag(), made.nosuid = flag(), made.nodev = flag(), made.noexec = flag();
        made.recursive = flag(), made.optional = flag(), made.id_mapped = flag();
        if (flag()) made.user = rootfs::UserMap{.uid = static_cast<uint32_t>(number()), .gid = static_cast<uint32_t>(number()), .id = 7};
        made.lower = paths();
        made.options = text(), made.key = text();
        return made;
    }

    void root(rootfs::Plan& root)
    {
        root.lower = paths();
        root.lower.push_back(path());
        root.upper = static_cast<rootfs::Upper>(below(3));
        root.upper_path = path(), root.work_path = path();
        root.memory_size = number();
        root.create_upper = flag(), root.empty_at_end = flag(), root.read_only = flag(), root.only_usr = flag();
        root.hidden = paths();
        for (uint64_t i = below(3); i > 0; --i) root.mounts.push_back(mount());
        for (uint64_t i = below(3); i > 0; --i) root.files.push_back({text(), text(), static_cast<rootfs::File::Kind>(below(5))});
    }
    void security(security::Plan& security)
    {
        security.capabilities = number();
        security.rlimits = {{"NOFILE", {number(), number()}}};
        if (flag()) security.oom_score_adjust = static_cast<int>(below(2001)) - 1000;
        if (flag()) security.boottime_offset = std::chrono::nanoseconds(static_cast<int64_t>(below(INT64_MAX)) - (INT64_MAX >> 1));
        security.masked = paths();
    }
    network::Address address()
    {
        network::Address made{flag() ? network::Family::V4 : network::Family::V6, {}};
        for (size_t i = 0; i < (made.family == network::Family::V4 ? 4 : 16); ++i) made.bytes[i] = static_cast<uint8_t>(below(256));
        return made;
    }
    network::Publication publication()
    {
        network::Publication made{.protocol = flag() ? "tcp" : "udp", .address = flag() ? "" : describe(address())};
        made.host_first = static_cast<uint16_t>(1 + below(1000)), made.first = static_cast<uint16_t>(1 + below(1000));
        const auto length = static_cast<uint16_t>(below(50));
        made.host_last = static_cast<uint16_t>(made.host_first + length), made.last = static_cast<uint16_t>(made.first + length);
        return made;
    }
    network::Endpoint endpoint()
    {
        network::Endpoint made;
        made.type = static_cast<network::EndpointType>(below(3));
        made.network = text(), made.domain = text();
        made.parent = flag() ? "" : "br\"0", made.host_interface = flag() ? "" : "hm0123456789ab", made.interface = "eth0";
        for (uint8_t& byte : made.mac) byte = static_cast<uint8_t>(below(256));
        made.mtu = static_cast<uint32_t>(below(65536));
        for (uint64_t i = below(4); i > 0; --i) made.addresses.push_back({address(), static_cast<uint8_t>(below(33))});
        for (uint64_t i = below(3); i > 0; --i) made.gateways.push_back(address());
        for (uint64_t i = below(4); i > 0; --i) made.resolvers.push_back(address());
        if (flag()) made.aliases = {"www", "a-b"};
        made.ingress = number(), made.egress = number();
        if (flag()) made.allow = {"in tcp 80 from 10.0.0.0/8"}, made.deny = {"out any"};
        for (uint64_t i = below(3); i > 0; --i) made.published.push_back(publication());
        return made;
    }
    void network(network::Plan& network)
    {
        network.kind = static_cast<network::Kind>(below(3));
        for (uint64_t i = network.kind == network::Kind::Endpoints ? 1 + below(3) : 0; i > 0; --i) network.endpoints.push_back(endpoint());
    }
    void payload(Payload& payload)
    {
        payload.init_kind = static_cast<InitKind>(below(8));
        payload.command = texts();
        payload.command.insert(payload.command.begin(), path());
        payload.environment.clear();
        for (uint64_t i = below(5); i > 0; --i) payload.environment.emplace_back(fmt::format("{}{}", text(), i), text());
        payload.working_directory = path();
        payload.makes_working_directory = flag();
        payload.start_timeout = std::chrono::microseconds(below(uint64_t{1} << 50));
        payload.stop_signal = static_cast<int>(below(65));
        if (flag()) payload.ready_check = Check{.command = {}, .port = static_cast<uint16_t>(1 + below(65535)), .what = text()};
        payload.restart = static_cast<machine::Restart>(below(3));
        payload.restart_delay = std::chrono::microseconds(below(1000000));
        payload.restart_limit = static_cast<unsigned>(below(100));
        if (flag())
            payload.health = Health{.check = {.command = {path()}, .port = 0, .what = text()},
                                    .interval = std::chrono::microseconds(1 + below(1000000)),
                                    .timeout = std::chrono::microseconds(below(1000000)),
                                    .retries = static_cast<unsigned>(below(9)),
                                    .on_failure = static_cast<machine::OnUnhealthy>(below(3))};
    }

    std::mt19937 engine_;
};

TEST(PlanFile, ThereAndBack)
{
    expect_back(example_plan());
}

TEST(PlanFile, WhateverTheStringsAre)
{
    for (unsigned seed = 0; seed < 500 && !HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        expect_back(Random(seed).plan());
    }
}

TEST(PlanFile, EnvironmentKeepsItsOrder)
{
    Plan plan = example_plan();
    plan.payload.environment = {{"Z", "1"}, {"A", "2"}, {"a b", "3"}, {"M", "4"}};
    expect_back(plan);
}

TEST(PlanFile, InfiniteTimeouts)
{
    Plan plan = example_plan();
    plan.payload.start_timeout = std::chrono::microseconds::max();
    plan.payload.stop_timeout = std::chrono::microseconds(0);
    expect_back(plan);
}

TEST(PlanFile, IsReadByPeople)
{
    std::string text = describe_plan_file(example_plan());
    for (const char* line :
         {"name = \"web\"\n", "\n[rootfs]\n", "lower = [\"/srv/app\", \"/srv/libs\", \"/srv/base\"]\n", "upper = \"directory\"\n",
          "    [\"TasksMax\", \"t\", 4096],\n", "start_timeout = \"90s\"\n", "base = 524288\n"})
        EXPECT_NE(text.find(line), text.npos) << line << "in:\n" << text;
}

std::string refusal(std::string text)
{
    auto read = parse_plan_file(text, "/run/plan.toml");
    return read ? "" : read.error().text;
}

std::string changed(std::string_view from, std::string_view to)
{
    std::string text = describe_plan_file(example_plan());
    size_t at = text.find(from);
    EXPECT_NE(at, text.npos) << from;
    return at == text.npos ? text : text.replace(at, from.size(), to);
}

TEST(PlanFile, Refusals)
{
    EXPECT_NE(refusal(""), "");
    EXPECT_NE(refusal("name = 'web'"), "");
    EXPECT_NE(refusal(std::string(max_plan_file + 1, '#')), "");
    EXPECT_TRUE(refusal(changed("lower = ", "lowr = ")).contains("unknown key 'rootfs.lowr' (did you mean 'lower'?)"));
    EXPECT_TRUE(refusal(changed("lower = ", "lowr = ")).starts_with("/run/plan.toml:"));
    EXPECT_NE(refusal(changed("\"directory\"", "\"folder\"")), "");
    EXPECT_NE(refusal(changed("base = 524288", "base = 4294967295")), "");
    EXPECT_NE(refusal(changed("base = 524288", "base = 0")), "");
    EXPECT_NE(refusal(changed("base = 524288", "base = -1")), "");
    EXPECT_NE(refusal(changed("\"/srv/app\"", "\"srv/app\"")), "");
    EXPECT_NE(refusal(changed("\"/srv/app\"", "\"/srv/\\u0000app\"")), "");
    EXPECT_NE(refusal(changed("name = \"web\"", "name = \"../web\"")), "");
    EXPECT_NE(refusal(changed("[\"TasksMax\", \"t\", 4096]", "[\"TasksMax\", \"t\", -1]")), "");
    EXPECT_NE(refusal(changed("[\"TasksMax\", \"t\", 4096]", "[\"TasksMax\", \"x\", 1]")), "");
    EXPECT_NE(refusal(changed("[\"TasksMax\", \"t\", 4096]", "[\"TasksMax\", \"t\"]")), "");
    EXPECT_NE(refusal(changed("[\"TasksMax\", \"t\", 4096]", "[\"TasksMax\", \"u\", 4294967296]")), "");
    EXPECT_NE(refusal(changed("\"CAP_CHOWN\"", "\"CAP_CHOWM\"")), "");
    EXPECT_NE(refusal(changed("[payload]", "[payload]\nstop_signal = 99")), "");
    EXPECT_NE(refusal(changed("[payload]", "[network]\nkind = \"endpoints\"\n[payload]")), "");
    EXPECT_NE(refusal(changed("[payload]", "[[network.endpoint]]\ninterface = \"eth0\"\n[payload]")), "");
    const std::string endpoint = "[network]\nkind = \"endpoints\"\n[[network.endpoint]]\ninterface = \"eth0\"\n";
    EXPECT_EQ(refusal(changed("[payload]", endpoint + "[payload]")), "");
    EXPECT_NE(refusal(changed("[payload]", endpoint + "aliases = [\"a\\nb\"]\n[payload]")), "");
    EXPECT_NE(refusal(changed("[payload]", endpoint + "[[network.endpoint.published]]\nhost_first = 1\n[payload]")), "");
}

// holm-setup reads a plan at each start: 1 ms is a hundredth of what a start may take. A sanitizer or a busy machine multiplies it.
TEST(PlanFile, IsReadFast)
{
    Plan plan = example_plan();
    for (int i = 0; i < 20; ++i) plan.rootfs.mounts.push_back({.source = fmt::format("/srv/{}", i), .target = fmt::format("/mnt/{}", i)});
    std::string text = describe_plan_file(plan);
    auto best = std::chrono::steady_clock::duration::max();
    for (int i = 0; i < 20; ++i) {
        auto begin = std::chrono::steady_clock::now();
        ASSERT_TRUE(parse_plan_file(text, "plan.toml"));
        best = std::min(best, std::chrono::steady_clock::now() - begin);
    }
    RecordProperty("microseconds", std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(best).count()));
#ifdef __SANITIZE_ADDRESS__
    EXPECT_LT(best, std::chrono::milliseconds(100));
#else
    EXPECT_LT(best, std::chrono::milliseconds(10));
#endif
}

}  // namespace
}  // namespace holm::launch
