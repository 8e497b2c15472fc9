// Copies of trees: everything of a file, however it is hidden.
#include "rootfs/copy_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>

#include "kernel/attributes.h"
#include "workbench.h"

namespace holm::rootfs {
namespace {

class CopyTree : public test::Workbench {
protected:
    static Result<Copied> copy(const CopyRules& rules = {})
    {
        folder("to");
        return copy_tree(open("from").get(), open("to").get(), {}, rules);
    }
    static struct stat look(std::string_view path)
    {
        struct stat status = {};
        EXPECT_EQ(lstat(at(path).c_str(), &status), 0) << path;
        return status;
    }
    static std::string attribute(std::string_view path, const char* name)
    {
        std::string value(256, '\0');
        const ssize_t size = lgetxattr(at(path).c_str(), name, value.data(), value.size());
        return size < 0 ? "" : value.substr(0, static_cast<size_t>(size));
    }
};

TEST_F(CopyTree, EachKindOfFile)
{
    file("from/a/file", 04711), link("from/a/link", "../../../etc/passwd"), whiteout("from/gone");
    ASSERT_TRUE(replace_file(at("from/a/file"), "content", 04711));
    ASSERT_EQ(mkfifo(at("from/fifo").c_str(), 0640), 0);
    ASSERT_EQ(chown(at("from/a/file").c_str(), 7, 8), 0);
    ASSERT_EQ(chmod(at("from/a/file").c_str(), 04711), 0);
    ASSERT_EQ(lchown(at("from/a/link").c_str(), 9, 10), 0);
    ASSERT_EQ(chmod(at("from/a").c_str(), 01751), 0);
    const timespec times[] = {{1000, 1}, {2000, 2}};
    ASSERT_EQ(utimensat(AT_FDCWD, at("from/a").c_str(), times, 0), 0);
    auto copied = copy();
    ASSERT_TRUE(copied) << copied.error().text;
    EXPECT_EQ(copied->files, 5u);
    EXPECT_EQ(copied->bytes, 7u);
    EXPECT_EQ(look("to/a/file").st_mode, static_cast<mode_t>(S_IFREG | 04711));
    EXPECT_EQ(look("to/a/file").st_uid, 7u);
    EXPECT_EQ(*read_file(at("to/a/file")), "content");
    EXPECT_EQ(std::filesystem::read_symlink(at("to/a/link")), "../../../etc/passwd");
    EXPECT_EQ(look("to/a/link").st_gid, 10u);
    EXPECT_EQ(look("to/a").st_mode, static_cast<mode_t>(S_IFDIR | 01751));
    EXPECT_EQ(look("to/a").st_mtim.tv_sec, 2000);
    EXPECT_TRUE(S_ISFIFO(look("to/fifo").st_mode));
    EXPECT_EQ(look("to/gone").st_rdev, makedev(0, 0));
    EXPECT_TRUE(S_ISCHR(look("to/gone").st_mode));
}

TEST_F(CopyTree, HardLinksHolesAndTheNotesOfOverlayfs)
{
    file("from/deep/down/first");
    ASSERT_EQ(::link(at("from/deep/down/first").c_str(), at("from/second").c_str()), 0);
    {
        Fd sparse(::open(at("from/sparse").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
        ASSERT_EQ(ftruncate(sparse.get(), 1 << 30), 0);
        ASSERT_EQ(pwrite(sparse.get(), "x", 1, 1 << 29), 1);
    }
    folder("from/opaque");
    ASSERT_EQ(setxattr(at("from/opaque").c_str(), "trusted.overlay.opaque", "y", 1, 0), 0);
    ASSERT_EQ(setxattr(at("from/opaque").c_str(), "trusted.overlay.origin", "z", 1, 0), 0);
    ASSERT_TRUE(copy());
    EXPECT_EQ(look("to/second").st_nlink, 2u);
    EXPECT_EQ(look("to/second").st_ino, look("to/deep/down/first").st_ino);
    EXPECT_EQ(look("to/sparse").st_size, 1 << 30);
    EXPECT_LT(look("to/sparse").st_blocks * 512, 1 << 20);
    EXPECT_EQ(attribute("to/opaque", "trusted.overlay.opaque"), "y");
    EXPECT_EQ(attribute("to/opaque", "trusted.overlay.origin"), "");
}

// Two branches at each level: going up again needs folders that are closed by then.
TEST_F(CopyTree, DepthCostsNoDescriptors)
{
    constexpr int depth = 3000;
    folder("from");
    Fd here = open("from");
    for (int level = 0; level < depth; ++level) {
        ASSERT_EQ(mkdirat(here.get(), "a", 0755), 0);
        ASSERT_EQ(mkdirat(here.get(), "b", 0755), 0);
        Fd file(openat(here.get(), "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
        here = Fd(openat(here.get(), "a", O_PATH | O_DIRECTORY | O_CLOEXEC));
    }
    auto copied = copy();
    ASSERT_TRUE(copied) << copied.error().text;
    EXPECT_EQ(copied->files, 3u * depth);
    Fd deepest = open("to");
    for (int level = 0; level < depth; ++level) deepest = Fd(openat(deepest.get(), "a", O_PATH | O_DIRECTORY | O_CLOEXEC));
    EXPECT_TRUE(deepest);
}

// Chains that branch off another far apart: the way up goes far beyond what is held open, and down again.
TEST_F(CopyTree, GoesUpAsFarAsItWentDown)
{
    auto chain = [](Fd here, const char* name) {
        std::vector<Fd> levels;
        levels.push_back(std::move(here));
        for (int level = 0; level < 200; ++level) {
            EXPECT_EQ(mkdirat(levels.back().get(), name, 0755), 0);
            levels.emplace_back(openat(levels.back().get(), name, O_PATH | O_DIRECTORY | O_CLOEXEC));
        }
        return levels;
    };
    folder("from");
    std::vector<Fd> trunk = chain(open("from"), "a");
    for (int level : {2, 100, 150}) chain(std::move(trunk[static_cast<size_t>(level)]), "b");
    auto copied = copy();
    ASSERT_TRUE(copied) << copied.error().text;
    EXPECT_EQ(copied->files, 800u);
}

// A folder that is somewhere else by the time that the walk comes back to it: nothing is copied to where it is now.
TEST_F(CopyTree, AFolderThatMovesIsNoticed)
{
    folder("from"), folder("to"), folder("from/z");
    Fd here = open("from");
    for (int level = 0; level < 600; ++level) {
        ASSERT_EQ(mkdirat(here.get(), "a", 0755), 0);
        here = Fd(openat(here.get(), "a", O_PATH | O_DIRECTORY | O_CLOEXEC));
    }
    bool moved = false;
    auto move = [&](const std::string&, const Copied&) -> Result<> {
        if (!std::exchange(moved, true)) {
            EXPECT_EQ(::rename(at("from/a/a/a").c_str(), at("from/z/a").c_str()), 0);
        }
        return {};
    };
    auto copied = copy_tree(open("from").get(), open("to").get(), move);
    ASSERT_FALSE(copied);
    EXPECT_EQ(copied.error().code, Errc::Busy);
    EXPECT_TRUE(moved);
}

TEST_F(CopyTree, TheRulesSayWhatIsLeftOut)
{
    file("from/a"), whiteout("from/gone");
    ASSERT_EQ(mknod(at("from/device").c_str(), S_IFIFO | 0644, 0), 0);
    ASSERT_EQ(setxattr(at("from/a").c_str(), "user.kept", "1", 1, 0), 0);
    ASSERT_EQ(setxattr(at("from/a").c_str(), "user.dropped", "1", 1, 0), 0);
    const CopyRules rules{.devices = CopyRules::Devices::None, .keeps = [](std::string_view name) { return name == "user.kept"; }};
    auto copied = copy(rules);
    ASSERT_TRUE(copied) << copied.error().text;
    EXPECT_EQ(copied->devices, 1u);
    EXPECT_EQ(copied->attributes, 1u);
    EXPECT_EQ(attribute("to/a", "user.kept"), "1");
    EXPECT_EQ(attribute("to/a", "user.dropped"), "");
    EXPECT_FALSE(std::filesystem::exists(std::filesystem::symlink_status(at("to/gone"))));
    EXPECT_TRUE(S_ISFIFO(look("to/device").st_mode)) << "a FIFO is no device";
}

TEST_F(CopyTree, WhoIsToldMayEndIt)
{
    for (int i = 0; i < 300; ++i) file(fmt::format("from/f{}", i).c_str());
    folder("to");
    auto stop = [](const std::string&, const Copied&) { return Result<>(error(Errc::Busy, "enough")); };
    auto copied = copy_tree(open("from").get(), open("to").get(), stop);
    ASSERT_FALSE(copied);
    EXPECT_EQ(copied.error().code, Errc::Busy);
}

TEST_F(CopyTree, WhatIsThereAlreadyIsAnError)
{
    file("from/a"), link("to/a", at("canary")), file("canary");
    auto copied = copy();
    ASSERT_FALSE(copied);
    EXPECT_EQ(copied.error().sys_errno, EEXIST);
}

}  // namespace
}  // namespace holm::rootfs
