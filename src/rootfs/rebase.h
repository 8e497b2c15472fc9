// Rebase: what becomes of a machine's own changes when other layers are put below them. A three-way comparison of paths, and of the lists
// of packages. Pure.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "rootfs/diff.h"

namespace holm::rootfs {

enum class Verdict {
    Clean,          // only the machine has changed it, or both alike
    Conflict,       // both have: the machine's own stays
    Shadowed,       // the new layers have changed what a folder, or a file in its place, of the machine hides
    StaleWhiteout,  // the machine has deleted what the new layers do not have either
    Opaque,         // a folder of the machine that hides all that the layers have in it, the new ones too
};

struct Judgement {
    std::string path;
    Verdict verdict = Verdict::Clean;
    std::string why;  // "changed here, deleted there"
    bool operator==(const Judgement&) const = default;
};

// `own`: what the machine has changed of the old layers; `drift`: what the new layers have changed of them; `apart`: what the machine's
// files would change of the new layers. All as diff() tells them. What is Clean is told too, in the order of paths.
std::vector<Judgement> judge_rebase(std::span<const Change> own, std::span<const Change> drift, std::span<const Change> apart);

std::string_view describe_verdict(Verdict verdict);  // "conflict"

// Name ("libc6:amd64") to version, of those that are installed.
using Packages = std::map<std::string, std::string>;
// Of /var/lib/dpkg/status. What is no such file has none.
Packages parse_dpkg_status(std::string_view text);
// Of "NAME VERSION", a line each.
Packages parse_package_lines(std::string_view text);

// A package that the new layers have in another version than the old ones; "" = not installed.
struct PackageDrift {
    std::string name, before, here, there;
    bool operator==(const PackageDrift&) const = default;
};
std::vector<PackageDrift> compare_packages(const Packages& before, const Packages& here, const Packages& there);

}  // namespace holm::rootfs
