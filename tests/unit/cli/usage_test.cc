#include "cli/usage.h"

#include <gtest/gtest.h>

namespace holm::cli {
namespace {

TEST(Usage, CountersOfTheKernel)
{
    EXPECT_EQ(find_counter("usage_usec 123\nuser_usec 4\n", "usage_usec"), 123u);
    EXPECT_EQ(find_counter("user_usec 4\n", "usage_usec"), std::nullopt);
    EXPECT_EQ(sum_io("8:0 rbytes=10 wbytes=20 rios=1 wios=2\n8:16 rbytes=1 wbytes=2\n"), std::pair(uint64_t{11}, uint64_t{22}));
    EXPECT_EQ(find_pressure("some avg10=12.50 avg60=1.00 avg300=0.00 total=9\nfull avg10=0.00\n"), 12.5);
    EXPECT_EQ(find_pressure(""), std::nullopt);
    EXPECT_EQ(
        sum_links("Inter-|   Receive\n face |bytes\n    lo: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n  eth0:100 1 0 0 0 0 0 0 200 1 0 0 0 0 0 0\n"),
        std::pair(uint64_t{100}, uint64_t{200}));
}

TEST(Usage, EachInterfaceByItself)
{
    const auto links = read_links(
        "Inter-|   Receive\n face |bytes\n    lo: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n"
        "  eth0: 100 3 0 1 0 0 0 0 200 4 0 2 0 0 0 0\n broken: 1 2\n  eth1:7 1 0 0 0 0 0 0 8 1 0 0 0 0 0 0\n");
    ASSERT_EQ(links.size(), 2u);
    EXPECT_EQ(links[0], (LinkCounters{.name = "eth0", .received = {100, 3, 1}, .sent = {200, 4, 2}}));
    EXPECT_EQ(links[1].name, "eth1");
    EXPECT_EQ(links[1].received.bytes, 7u);
}

TEST(Usage, RatesAreBetweenTwoSamples)
{
    Sample before{.name = "web"}, now = before;
    before.time = 1'000'000, now.time = 3'000'000;
    before.usage.cpu = 500'000, now.usage.cpu = 1'500'000;
    before.usage.read = 1000, now.usage.read = 5000;
    EXPECT_DOUBLE_EQ(cpu_share(before, now).value(), 50);
    EXPECT_EQ(rate(before, now, &Usage::read), 2000u);
    EXPECT_EQ(rate(before, now, &Usage::sent), std::nullopt);
    EXPECT_EQ(cpu_share(now, before), std::nullopt) << "a unit that was started anew";
}

TEST(Usage, BytesAreShort)
{
    EXPECT_EQ(describe_bytes(0), "0B");
    EXPECT_EQ(describe_bytes(999), "999B");
    EXPECT_EQ(describe_bytes(1536), "1.5K");
    EXPECT_EQ(describe_bytes(200 << 20), "200M");
    EXPECT_EQ(describe_bytes(UINT64_MAX), "16E");
}

TEST(Usage, MetricsAreOpenMetrics)
{
    Sample web{.name = "web", .state = "running", .unit = "holm@web.service", .health = "healthy", .started = 1'500'000, .boots = 2};
    web.usage.cpu = 2'500'000, web.usage.memory = 4096, web.usage.cpu_pressure = 50.0;
    Sample db{.name = "db", .state = "failed", .unit = "holm@db.service"};
    const std::string text = describe_metrics({web, db});
    for (const char* line : {"# TYPE holm_machine_cpu_seconds counter\n", "holm_machine_cpu_seconds_total{machine=\"web\"} 2.500000\n",
                             "holm_machine_memory_bytes{machine=\"web\"} 4096\n", "holm_machine_running{machine=\"db\"} 0\n",
                             "holm_machine_failed{machine=\"db\"} 1\n", "holm_machine_cpu_pressure_ratio{machine=\"web\"} 0.5000\n",
                             "holm_machine_start_time_seconds{machine=\"web\"} 1.500\n"})
        EXPECT_NE(text.find(line), std::string::npos) << line << text;
    EXPECT_EQ(text.find("holm_machine_swap"), std::string::npos) << "nobody has it";
    EXPECT_TRUE(text.ends_with("# EOF\n"));
    EXPECT_NE(describe_metrics({Sample{.name = "a\"b", .state = "running"}}).find("machine=\"a\\\"b\""), std::string::npos);
}

}  // namespace
}  // namespace holm::cli
