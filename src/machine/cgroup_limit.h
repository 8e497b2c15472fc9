// Cgroup limits: what [resources] limits by a file of the unit's cgroup, because systemd has no name for it: huge pages, RDMA devices and
// misc resources (Documentation/admin-guide/cgroup-v2.rst of Linux). Named as the file is: "hugetlb.2MB.max". Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "machine/unit_property.h"

namespace holm::machine {

// By its name alone: one that systemd has no name for and the kernel no file is one, too.
bool is_cgroup_limit(std::string_view name);
// Errors: Invalid (no such limit).
Result<> check_cgroup_limit(std::string_view name);

// "hugetlb" of "hugetlb.2MB.max".
std::string_view controller_of(std::string_view name);

// "hugetlb.2MB.max", "64M": bytes, whole pages of that size as the kernel keeps them. "rdma.max", "mlx5_0 hca_handle=2" and "misc.max",
// "sev 10": a list, one line a device or resource. Errors: Invalid.
Result<UnitProperty> parse_cgroup_limit(std::string_view name, std::string_view value);

// As it is when nobody limits it.
UnitProperty no_cgroup_limit(std::string_view name);

// What is written, one write each, to a file that reads `content`, so that it has the limits of `wanted` and no other.
std::vector<std::string> cgroup_writes(std::string_view content, const UnitProperty& wanted);

}  // namespace holm::machine
