#include "cli/doctor.h"

#include <gtest/gtest.h>

namespace holm::cli {

namespace {

HostFacts good_host()
{
    return {.kernel = "6.1.0-18-amd64",
            .systemd = 252,
            .unified_cgroups = true,
            .controllers = "cpuset cpu io memory hugetlb pids rdma misc\n",
            .user_namespaces = 15000,
            .inotify_instances = 65536,
            .overlay = true,
            .maps_ids = true,
            .state_file_system = "ext4",
            .nf_tables = true,
            .dropping = std::vector<std::string>{},
            .forwards = true,
            .machined = true,
            .dnsmasq = true,
            .polkit = true,
            .mymachines = true,
            .holmd = "0.1.0",
            .free_bytes = 100ull << 30,
            .all_bytes = 200ull << 30,
            .free_files = 1000,
            .all_files = 1000};
}

Finding find(const HostFacts& facts, std::string_view check)
{
    for (const Finding& finding : judge_host(facts))
        if (finding.check == check) return finding;
    ADD_FAILURE() << "no check '" << check << "'";
    return {};
}

TEST(Doctor, FindsNothingOnAGoodHost)
{
    for (const Finding& finding : judge_host(good_host())) {
        EXPECT_EQ(finding.verdict, Verdict::Ok) << finding.check << ": " << finding.found;
        EXPECT_EQ(finding.next, "") << finding.check;
    }
}

TEST(Doctor, SaysWhatIsWrongAndTheNextStep)
{
    struct Case {
        const char* check;
        Verdict verdict;
        void (*spoil)(HostFacts&);
    };
    const Case cases[] = {
        {"kernel", Verdict::Fail, [](HostFacts& facts) { facts.kernel = "5.10.0-9-amd64"; }},
        {"kernel", Verdict::Warn, [](HostFacts& facts) { facts.kernel = "5.19.1"; }},
        {"kernel", Verdict::Fail, [](HostFacts& facts) { facts.kernel = ""; }},
        {"systemd", Verdict::Fail, [](HostFacts& facts) { facts.systemd = 0; }},
        {"systemd", Verdict::Fail, [](HostFacts& facts) { facts.systemd = 247; }},
        {"holmd", Verdict::Fail, [](HostFacts& facts) { facts.holmd = "", facts.holmd_failure = "cannot reach holmd"; }},
        {"cgroup v2", Verdict::Fail, [](HostFacts& facts) { facts.unified_cgroups = false; }},
        {"controllers", Verdict::Warn, [](HostFacts& facts) { facts.controllers = "cpu pids"; }},
        {"user namespaces", Verdict::Fail, [](HostFacts& facts) { facts.user_namespaces = 0; }},
        {"user namespaces", Verdict::Fail, [](HostFacts& facts) { facts.user_namespaces.reset(); }},
        {"inotify", Verdict::Warn, [](HostFacts& facts) { facts.inotify_instances = 128; }},
        {"inotify", Verdict::Warn, [](HostFacts& facts) { facts.inotify_instances.reset(); }},
        {"overlay", Verdict::Fail, [](HostFacts& facts) { facts.overlay = false; }},
        {"id-mapped mounts", Verdict::Fail, [](HostFacts& facts) { facts.maps_ids = false; }},
        {"id-mapped mounts", Verdict::Warn, [](HostFacts& facts) { facts.maps_ids.reset(); }},
        {"nf_tables", Verdict::Fail, [](HostFacts& facts) { facts.nf_tables = false; }},
        {"other firewalls", Verdict::Warn, [](HostFacts& facts) { facts.dropping->push_back("ip filter FORWARD"); }},
        {"machined", Verdict::Warn, [](HostFacts& facts) { facts.machined = false; }},
        {"dnsmasq", Verdict::Warn, [](HostFacts& facts) { facts.dnsmasq = false; }},
        {"disk", Verdict::Warn, [](HostFacts& facts) { facts.free_bytes = 500 << 20; }},
        {"disk", Verdict::Fail, [](HostFacts& facts) { facts.free_bytes = 50 << 20; }},
        {"disk", Verdict::Warn, [](HostFacts& facts) { facts.free_files = 1; }},
    };
    for (const Case& one : cases) {
        HostFacts facts = good_host();
        one.spoil(facts);
        const Finding finding = find(facts, one.check);
        EXPECT_EQ(finding.verdict, one.verdict) << one.check << ": " << finding.found;
        EXPECT_NE(finding.next, "") << one.check;
    }
}

TEST(Doctor, FindsForeignChainsThatDrop)
{
    EXPECT_EQ(find_dropping_chains(R"({"nftables": [{"metainfo": {}}, {"chain": {"family": "ip", "table": "filter", "name": "FORWARD",
        "hook": "forward", "policy": "drop"}}, {"chain": {"family": "inet", "table": "holm", "name": "forward", "hook": "forward", "policy": "drop"}},
        {"chain": {"family": "ip", "table": "filter", "name": "INPUT", "hook": "input", "policy": "drop"}}, {"chain": 3}]})"),
              std::vector<std::string>{"ip filter FORWARD"});
    for (const char* text : {"", "[]", "{}", "{\"nftables\": 1}", "nonsense"}) EXPECT_TRUE(find_dropping_chains(text).empty()) << text;
}

TEST(Doctor, JsonHasStableKeys)
{
    EXPECT_EQ(describe_json(table_of({{"kernel", Verdict::Fail, "5.4", "upgrade"}}), JsonStyle::Short),
              "[{\"check\":\"kernel\",\"result\":\"fail\",\"found\":\"5.4\",\"next\":\"upgrade\"}]\n");
}

}  // namespace

}  // namespace holm::cli
