#include "machine/resources.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace holm::machine {
namespace {

using Bytes = ResourceProperty::Bytes;
using Limits = ResourceProperty::Limits;

template <typename T>
void expect_property(std::string_view name, std::string_view value, std::string_view bus_name, const T& expected)
{
    auto property = parse_resource(name, value);
    ASSERT_TRUE(property) << name << "=" << value << ": " << property.error().text;
    EXPECT_EQ(property->name, bus_name);
    ASSERT_TRUE(std::holds_alternative<T>(property->value)) << name;
    EXPECT_EQ(std::get<T>(property->value), expected) << name << "=" << value;
}

// What systemd 252 made of the same assignments: `systemctl show` after set-property.
TEST(Resources, AreTypedAsTheBusWantsThem)
{
    expect_property<uint64_t>("MemoryMax", "512M", "MemoryMax", 512u << 20);
    expect_property<uint64_t>("MemoryHigh", "infinity", "MemoryHigh", UINT64_MAX);
    expect_property<uint32_t>("MemoryMax", "50%", "MemoryMaxScale", 2147483648u);
    expect_property<uint32_t>("TasksMax", "12.5%", "TasksMaxScale", 536870912u);
    expect_property<uint32_t>("MemoryMax", "100%", "MemoryMaxScale", UINT32_MAX);
    expect_property<uint64_t>("TasksMax", "200", "TasksMax", 200);
    expect_property<uint64_t>("MemorySwapMax", "0", "MemorySwapMax", 0);
    expect_property<uint64_t>("CPUQuota", "50%", "CPUQuotaPerSecUSec", 500000);
    expect_property<uint64_t>("CPUQuota", "250%", "CPUQuotaPerSecUSec", 2500000);
    expect_property<uint64_t>("CPUQuota", "", "CPUQuotaPerSecUSec", UINT64_MAX);
    expect_property<uint64_t>("CPUQuotaPeriodSec", "10ms", "CPUQuotaPeriodUSec", 10000);
    expect_property<uint64_t>("CPUWeight", "idle", "CPUWeight", 0);
    expect_property<uint64_t>("IOWeight", "10000", "IOWeight", 10000);
    expect_property<Bytes>("AllowedCPUs", "0-1", "AllowedCPUs", {0x03});
    expect_property<Bytes>("AllowedCPUs", "0-3,8 10", "AllowedCPUs", {0x0f, 0x05});
    expect_property<Limits>("IOReadBandwidthMax", "/dev/sda 5M", "IOReadBandwidthMax", {{"/dev/sda", 5000000}});
    expect_property<Limits>("IODeviceLatencyTargetSec", "/var lib 25ms", "IODeviceLatencyTargetUSec", {{"/var lib", 25000}});
    expect_property<uint64_t>("MemoryMax", "1.5G", "MemoryMax", 1536u << 20);
    expect_property<uint64_t>("MemoryMax", "1G 512M", "MemoryMax", 1536u << 20);
    expect_property<uint64_t>("MemoryMax", "1P", "MemoryMax", uint64_t{1} << 50);
    expect_property<uint64_t>("MemoryHigh", "15E", "MemoryHigh", uint64_t{15} << 60);
    expect_property<uint64_t>("MemorySwapMax", "1073741824B", "MemorySwapMax", 1u << 30);
    expect_property<uint64_t>("MemoryMax", "", "MemoryMax", UINT64_MAX);
    expect_property<uint64_t>("MemoryLow", "", "MemoryLow", 0);
    expect_property<uint32_t>("MemoryMax", "500‰", "MemoryMaxScale", 2147483648u);
    expect_property<uint32_t>("TasksMax", "1250‱", "TasksMaxScale", 536870912u);
    expect_property<uint64_t>("TasksMax", "0x10", "TasksMax", 16);
    expect_property<uint64_t>("CPUQuota", "10‰", "CPUQuotaPerSecUSec", 10000);
    expect_property<uint64_t>("CPUQuota", "15‱", "CPUQuotaPerSecUSec", 1500);
    expect_property<uint64_t>("CPUQuotaPeriodSec", "2s", "CPUQuotaPeriodUSec", 2000000);
    expect_property<uint64_t>("CPUQuotaPeriodSec", "500us", "CPUQuotaPeriodUSec", 500);
    expect_property<uint64_t>("CPUQuotaPeriodSec", "10", "CPUQuotaPeriodUSec", 10000000);
    expect_property<uint64_t>("CPUQuotaPeriodSec", "infinity", "CPUQuotaPeriodUSec", UINT64_MAX);
    expect_property<uint64_t>("CPUWeight", "", "CPUWeight", UINT64_MAX);
    expect_property<Limits>("IOReadBandwidthMax", "/dev/vda 1.5M", "IOReadBandwidthMax", {{"/dev/vda", 1500000}});
    expect_property<Limits>("IOReadBandwidthMax", "/dev/vda 1M 500K", "IOReadBandwidthMax", {{"/dev/vda", 1500000}});
    expect_property<Limits>("IOReadBandwidthMax", "/var lib  1M 500K", "IOReadBandwidthMax", {{"/var lib", 1500000}});
    expect_property<Limits>("IOWriteIOPSMax", "/dev/vda infinity", "IOWriteIOPSMax", {{"/dev/vda", UINT64_MAX}});
    expect_property<Limits>("IODeviceLatencyTargetSec", "/dev/vda 1s 1.5ms", "IODeviceLatencyTargetUSec", {{"/dev/vda", 1001500}});
    expect_property<uint32_t>("ManagedOOMMemoryPressureLimit", "500‰", "ManagedOOMMemoryPressureLimit", 2147483648u);
    expect_property<bool>("CPUAccounting", "Yes", "CPUAccounting", true);
    expect_property<bool>("CPUAccounting", "yes", "CPUAccounting", true);
    expect_property<std::string>("ManagedOOMSwap", "kill", "ManagedOOMSwap", "kill");
    expect_property<uint32_t>("ManagedOOMMemoryPressureLimit", "50%", "ManagedOOMMemoryPressureLimit", 2147483648u);
}

TEST(Resources, RefuseBadValues)
{
    const std::pair<const char*, const char*> bad[] = {{"MemoryMax", "16E"},
                                                       {"MemoryMax", "500M 1G"},
                                                       {"MemoryMax", "1001‰"},
                                                       {"MemoryMax", "0‱"},
                                                       {"MemoryMax", "0"},
                                                       {"MemoryMax", "1KB"},
                                                       {"MemoryMax", "-1"},
                                                       {"MemoryMax", "101%"},
                                                       {"MemoryMax", "0%"},
                                                       {"MemoryMax", "18446744073709551616"},
                                                       {"MemoryMax", "5 %"},
                                                       {"TasksMax", "0"},
                                                       {"TasksMax", "4K"},
                                                       {"CPUQuota", "50"},
                                                       {"CPUQuota", "0%"},
                                                       {"CPUQuota", "-5%"},
                                                       {"CPUQuotaPeriodSec", "2x"},
                                                       {"CPUQuotaPeriodSec", "-1s"},
                                                       {"CPUQuota", "1.5‱"},
                                                       {"CPUAccounting", ""},
                                                       {"IOReadBandwidthMax", "/dev/sda 500K 1M"},
                                                       {"CPUWeight", "0"},
                                                       {"CPUWeight", "10001"},
                                                       {"IOWeight", "idle"},
                                                       {"AllowedCPUs", "1-0"},
                                                       {"AllowedCPUs", "8192"},
                                                       {"AllowedCPUs", "a"},
                                                       {"AllowedCPUs", "0-"},
                                                       {"CPUAccounting", "maybe"},
                                                       {"IOReadBandwidthMax", "/dev/sda"},
                                                       {"IOReadBandwidthMax", "sda 5M"},
                                                       {"IOReadBandwidthMax", "/dev/sda 0"},
                                                       {"IODeviceWeight", "/dev/sda 0"},
                                                       {"ManagedOOMSwap", "yes"},
                                                       {"MemoryMax", "1.234%"},
                                                       {"ManagedOOMMemoryPressureLimit", "5"}};
    for (const auto& [name, value] : bad) {
        auto property = parse_resource(name, value);
        ASSERT_FALSE(property) << name << "=" << value;
        EXPECT_EQ(property.error().code, Errc::Invalid);
    }
}

TEST(Resources, NamesAreChecked)
{
    EXPECT_EQ(parse_resource("MemoryMaxx", "1").error().text,
              "'MemoryMaxx' is no property of systemd.resource-control(5) (did you mean 'MemoryMax'?)");
    EXPECT_EQ(parse_resource("memorymax", "1").error().code, Errc::Invalid);
    EXPECT_EQ(parse_resource("ExecStopPost", "/bin/x").error().code, Errc::Invalid);
    for (const char* own : {"Delegate", "Slice", "DisableControllers"}) EXPECT_EQ(parse_resource(own, "x").error().code, Errc::Invalid);
    EXPECT_EQ(*bus_names_of("MemoryMax"), (std::vector<std::string>{"MemoryMax", "MemoryMaxScale"}));
    EXPECT_EQ(*bus_names_of("CPUQuota"), (std::vector<std::string>{"CPUQuotaPerSecUSec"}));
}

TEST(Resources, LaterReplacesAndListsAddUp)
{
    const std::pair<std::string, std::string> assignments[] = {{"TasksMax", "4096"}, {"IOReadBandwidthMax", "/dev/sda 5M"},
                                                               {"MemoryMax", "1G"},  {"IOReadBandwidthMax", "/dev/sdb 1"},
                                                               {"MemoryMax", "50%"}, {"TasksMax", "10"}};
    auto all = parse_resources(assignments);
    ASSERT_TRUE(all);
    ASSERT_EQ(all->size(), 3u);
    EXPECT_EQ((*all)[0], (ResourceProperty{"TasksMax", uint64_t{10}}));
    EXPECT_EQ((*all)[1], (ResourceProperty{"IOReadBandwidthMax", Limits{{"/dev/sda", 5000000}, {"/dev/sdb", 1}}}));
    EXPECT_EQ((*all)[2].name, "MemoryMaxScale");
    const std::pair<std::string, std::string> lists[] = {{"IPAddressDeny", "10.0.0.1"},
                                                         {"IPAddressDeny", "::1"},
                                                         {"RestrictNetworkInterfaces", "eth0"},
                                                         {"RestrictNetworkInterfaces", "~eth1"}};
    EXPECT_EQ(std::get<ResourceProperty::Prefixes>(parse_resources(lists)->at(0).value).size(), 2u);
    EXPECT_EQ(std::get<ResourceProperty::Interfaces>(parse_resources(lists)->at(1).value),
              ResourceProperty::Interfaces(false, {"eth0", "eth1"}));
    const std::pair<std::string, std::string> strict[] = {{"DevicePolicy", "strict"}}, closed[] = {{"DevicePolicy", "closed"}};
    EXPECT_TRUE(parse_resources(strict).error().text.starts_with("DevicePolicy: 'strict' takes the devices away"));
    EXPECT_TRUE(parse_resources(closed));
    const std::pair<std::string, std::string> bad[] = {{"MemoryMax", "1KB"}};
    EXPECT_EQ(parse_resources(bad).error().text.substr(0, 11), "MemoryMax: ");
}

TEST(Resources, DefaultsCoverWhatCanBeSet)
{
    auto defaults = resource_defaults();
    auto has = [&](std::string_view name) { return std::ranges::count(defaults, name, &ResourceProperty::name) == 1; };
    for (const char* name : {"MemoryMax", "CPUQuotaPerSecUSec", "AllowedCPUs", "IOReadBandwidthMax", "ManagedOOMPreference", "TasksMax"})
        EXPECT_TRUE(has(name)) << name;
    EXPECT_FALSE(has("DevicePolicy"));
}

}  // namespace
}  // namespace holm::machine
