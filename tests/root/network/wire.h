// A host's network of the test's own, and machines on it: processes in network and user namespaces of their own.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "kernel/link.h"
#include "kernel/netlink.h"
#include "kernel/process.h"
#include "kernel/route.h"
#include "network/plan.h"
#include "network/segment.h"

namespace holm::test {

// Each test has a new network namespace: what it leaves ends with it.
class Wire : public testing::Test {
protected:
    void SetUp() override;

    static std::optional<kernel::Link> link(const std::string& name);
    static std::vector<std::string> addresses(kernel::Netlink& netlink, const std::string& name);  // "A/N", tentative ones with "?"
    static std::vector<std::string> addresses(const std::string& name);
    static std::string sysctl(const std::string& path);
    // ip(8), to be or to break what is to be seen.
    static void ip(const std::string& arguments);
};

// A process that waits, in a new user and network namespace, until it is destroyed.
class Namespace {
public:
    Namespace();
    Namespace(const Namespace&) = delete;
    ~Namespace();
    int pid() const { return child_.pid; }
    int descriptor() const { return child_.pidfd.get(); }
    kernel::Netlink netlink() const;
    // Whether this address, asked by the machine, answers an ICMP echo within two seconds.
    bool reaches(const std::string& address) const;

private:
    kernel::Child child_;
};

network::Segment make_segment(const std::string& name, std::vector<std::string> gateways);
network::Endpoint make_endpoint(const network::Segment& segment, const std::string& interface, uint8_t number);

}  // namespace holm::test
