// What becomes of a machine's changes on other layers, path by path.
#include "rootfs/rebase.h"

#include <sys/stat.h>

#include <gtest/gtest.h>

namespace holm::rootfs {
namespace {

constexpr mode_t file = S_IFREG | 0644, folder = S_IFDIR | 0755;

Change change(const char* path, Difference kind, mode_t before = file, mode_t now = file, std::vector<std::string_view> parts = {"content"})
{
    return {.path = path, .kind = kind, .before = {.mode = before}, .now = {.mode = now}, .parts = std::move(parts)};
}

using enum Difference;
using Changes = std::vector<Change>;
using Judgements = std::vector<Judgement>;

TEST(Rebase, WhatTheMachineAloneHasChangedIsClean)
{
    const Changes own = {change("/etc/motd", Changed), change("/new", Added), change("/old", Deleted)};
    EXPECT_EQ(judge_rebase(own, {}, own),
              (Judgements{{"/etc/motd", Verdict::Clean, ""}, {"/new", Verdict::Clean, ""}, {"/old", Verdict::Clean, ""}}));
}

TEST(Rebase, WhatBothHaveChangedIsAConflictUnlessAlike)
{
    const Changes own = {change("/etc/a", Changed), change("/etc/b", Changed), change("/etc/c", Deleted), change("/etc/d", Added),
                         change("/etc/e", Changed)};
    const Changes drift = {change("/etc/a", Changed), change("/etc/b", Changed), change("/etc/c", Changed), change("/etc/d", Added),
                           change("/etc/e", Deleted)};
    const Changes apart = {change("/etc/a", Changed), change("/etc/c", Deleted), change("/etc/d", Changed, file, file, {"time"}),
                           change("/etc/e", Added)};
    EXPECT_EQ(judge_rebase(own, drift, apart), (Judgements{{"/etc/a", Verdict::Conflict, "changed here, changed there"},
                                                           {"/etc/b", Verdict::Clean, ""},
                                                           {"/etc/c", Verdict::Conflict, "deleted here, changed there"},
                                                           {"/etc/d", Verdict::Clean, ""},
                                                           {"/etc/e", Verdict::Conflict, "changed here, deleted there"}}));
}

TEST(Rebase, AFileThatWasOnlyWrittenAgainThereIsNoConflict)
{
    const Changes own = {change("/etc/a", Changed)}, drift = {change("/etc/a", Changed, file, file, {"time"})};
    EXPECT_EQ(judge_rebase(own, drift, own), (Judgements{{"/etc/a", Verdict::Clean, ""}}));
}

TEST(Rebase, WhatIsHiddenIsShadowed)
{
    const Changes own = {change("/a", Opaque, folder, folder), change("/b", Deleted, folder), change("/c", Changed, folder, file)};
    const Changes drift = {change("/a/x", Added), change("/b/y/z", Changed), change("/c/x", Deleted), change("/d/x", Added)};
    EXPECT_EQ(judge_rebase(own, drift, own), (Judgements{{"/a", Verdict::Opaque, "hides all that the layers have in it"},
                                                         {"/a/x", Verdict::Shadowed, "added there, below '/a', which hides it"},
                                                         {"/b", Verdict::Clean, ""},
                                                         {"/b/y/z", Verdict::Shadowed, "changed there, below '/b', which hides it"},
                                                         {"/c", Verdict::Clean, ""}}));
}

TEST(Rebase, AWhiteoutOfNothingIsStale)
{
    const Changes own = {change("/a/gone", Deleted)}, drift = {change("/a", Deleted, folder)};
    EXPECT_EQ(judge_rebase(own, drift, {}), (Judgements{{"/a/gone", Verdict::StaleWhiteout, "deleted here and there"}}));
}

TEST(Rebase, PackagesAreComparedByDpkgsList)
{
    const Packages before = parse_dpkg_status(
        "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36\nDescription: x\n Version: 9\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\nPackage: curl\nStatus: install ok installed\nVersion: 7\n");
    EXPECT_EQ(before, (Packages{{"libc6:amd64", "2.36"}, {"curl", "7"}}));
    const Packages there = {{"libc6:amd64", "2.37"}, {"curl", "7"}, {"new", "1"}}, here = {{"libc6:amd64", "2.36"}, {"mine", "3"}};
    EXPECT_EQ(compare_packages(before, here, there),
              (std::vector<PackageDrift>{{"libc6:amd64", "2.36", "2.36", "2.37"}, {"new", "", "", "1"}}));
    EXPECT_TRUE(parse_dpkg_status("no such file\n\n:\n").empty());
}

TEST(Rebase, PackagesAreReadOfLines)
{
    EXPECT_EQ(parse_package_lines("bash 5.2-1\nkernel 6.1-1, 6.2-1\n"), (Packages{{"bash", "5.2-1"}, {"kernel", "6.1-1, 6.2-1"}}));
    EXPECT_TRUE(parse_package_lines("bash\n 5.2-1\n\n").empty());
}

}  // namespace
}  // namespace holm::rootfs
