#include "machine/cgroup_limit.h"

#include <array>

#include <gtest/gtest.h>

#include "machine/resources.h"
#include "machine/spec_file.h"

namespace holm::machine {
namespace {

using Strings = UnitProperty::Strings;

uint64_t bytes_of(std::string_view name, std::string_view value)
{
    auto limit = parse_resource(name, value);
    EXPECT_TRUE(limit) << name << "=" << value;
    return limit ? std::get<uint64_t>(limit->value) : 0;
}

TEST(CgroupLimit, HugePagesAreWholePages)
{
    EXPECT_EQ(bytes_of("hugetlb.2MB.max", "64M"), 64u << 20);
    EXPECT_EQ(bytes_of("hugetlb.2MB.max", "5M"), 4u << 20) << "as the kernel keeps it";
    EXPECT_EQ(bytes_of("hugetlb.1GB.rsvd.max", "3G"), 3ull << 30);
    EXPECT_EQ(bytes_of("hugetlb.64KB.max", "0"), 0u);
    EXPECT_EQ(bytes_of("hugetlb.2MB.max", "max"), UINT64_MAX);
    EXPECT_EQ(bytes_of("hugetlb.2MB.max", "infinity"), UINT64_MAX);
}

TEST(CgroupLimit, LinesAreListsThatAddUp)
{
    std::array<std::pair<std::string, std::string>, 3> assignments = {
        {{"rdma.max", "mlx5_0 hca_handle=2 hca_object=2000"}, {"misc.max", "sev 10"}, {"rdma.max", "ocrdma1 hca_handle=max"}}};
    auto parsed = parse_resources(assignments);
    ASSERT_TRUE(parsed);
    ASSERT_EQ(parsed->size(), 2u);
    EXPECT_EQ(std::get<Strings>((*parsed)[0].value), (Strings{"mlx5_0 hca_handle=2 hca_object=2000", "ocrdma1 hca_handle=max"}));
    EXPECT_TRUE(is_list((*parsed)[0]));
}

TEST(CgroupLimit, BadOnesAreRefused)
{
    const std::pair<const char*, const char*> bad[] = {
        {"hugetlb.2MB.max", ""},
        {"hugetlb.2MB.max", "50%"},
        {"hugetlb.2MB.limit", "64M"},
        {"hugetlb..max", "64M"},
        {"hugetlb.MB.max", "64M"},
        {"hugetlb.0MB.max", "64M"},
        {"hugetlb.2TB.max", "64M"},
        {"hugetlb.2MB", "64M"},
        {"hugetlb.2MB.max\n", "64M"},
        {"hugetlb.../x.2MB.max", "64M"},
        {"memory.max", "64M"},
        {"cgroup.procs", "1"},
        {"rdma.max", "mlx5_0"},
        {"rdma.max", "mlx5_0 handle=2"},
        {"rdma.max", "mlx5_0 hca_handle=x"},
        {"rdma.max", "hca_handle=2 1"},
        {"rdma.max", "a\nb hca_handle=2"},
        {"rdma.current", "mlx5_0 hca_handle=2"},
        {"misc.max", "sev"},
        {"misc.max", "sev x"},
        {"misc.max", "sev 1 2"},
        {"misc.max", "../sev 1"},
    };
    for (const auto& [name, value] : bad) EXPECT_FALSE(parse_resource(name, value)) << name << "=" << value;
    EXPECT_FALSE(bus_names_of("memory.max"));
    EXPECT_EQ(bus_names_of("misc.max").value(), Strings{"misc.max"});
}

TEST(CgroupLimit, AFileIsWrittenSoThatItHasTheseAndNoOther)
{
    EXPECT_EQ(cgroup_writes("max\n", parse_cgroup_limit("hugetlb.2MB.max", "4M").value()), Strings{"4194304"});
    EXPECT_EQ(cgroup_writes("4194304\n", no_cgroup_limit("hugetlb.2MB.max")), Strings{"max"});
    const std::string rdma = "mlx5_0 hca_handle=2 hca_object=2000\nocrdma1 hca_handle=3 hca_object=max\n";
    EXPECT_EQ(cgroup_writes(rdma, parse_cgroup_limit("rdma.max", "mlx5_0 hca_handle=5").value()),
              (Strings{"mlx5_0 hca_handle=5 hca_object=max", "ocrdma1 hca_handle=max hca_object=max"}));
    EXPECT_EQ(cgroup_writes("sev 10\nsev_es max\n", no_cgroup_limit("misc.max")), (Strings{"sev max", "sev_es max"}));
    EXPECT_EQ(cgroup_writes("", parse_cgroup_limit("misc.max", "sev 10").value()), Strings{"sev 10"});
}

Result<Spec> spec_of(std::string resources)
{
    const Source source{"web.toml", "[root]\npath = \"/srv\"\n[resources]\n" + std::move(resources)};
    return parse_spec(parse_name("web").value(), std::span(&source, 1));
}

TEST(CgroupLimit, ADefinitionHasThemInQuotes)
{
    auto spec = spec_of("\"hugetlb.2MB.max\" = \"64M\"\n\"misc.max\" = [\"sev 10\"]\n");
    ASSERT_TRUE(spec) << spec.error().text;
    EXPECT_NE(describe_spec_file(*spec).find("\"hugetlb.2MB.max\" = \"64M\""), std::string::npos);
    auto dotted = spec_of("hugetlb.2MB.max = \"64M\"\n");
    ASSERT_FALSE(dotted);
    EXPECT_NE(dotted.error().text.find("in quotes"), std::string::npos) << dotted.error().text;
}

}  // namespace
}  // namespace holm::machine
