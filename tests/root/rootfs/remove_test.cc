// Trees that do not want to be removed.
#include "rootfs/remove.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "workbench.h"

namespace holm::rootfs {
namespace {

class Remove : public test::Workbench {
protected:
    Result<> remove(const char* name) { return remove_tree(open("").get(), name); }
    static bool exists(const char* path) { return std::filesystem::exists(std::filesystem::symlink_status(at(path))); }
};

// As a supervisor does that writes its last word while its machine's folder goes.
TEST_F(Remove, WhatIsAddedMeanwhileGoesToo)
{
    std::atomic<bool> over = false;
    std::thread writer([&over] {
        const std::string path = at("tree/late");
        for (unsigned pause = 0; !over; pause = (pause + 1) % 400) {
            Fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
            for (unsigned i = 0; i < pause; ++i) over.load();  // at another moment each time
        }
    });
    int left = 0;
    for (int i = 0; i < 8000; ++i) {
        file("tree/early");
        if (remove("tree") && exists("tree")) ++left;
    }
    over = true;
    writer.join();
    EXPECT_EQ(left, 0);
}

TEST_F(Remove, ATreeAndWhatIsNotThere)
{
    file("tree/a/b/c"), file("tree/a/d"), link("tree/a/e", "/"), whiteout("tree/f"), folder("tree/g/h/i");
    EXPECT_TRUE(remove("tree"));
    EXPECT_FALSE(exists("tree"));
    EXPECT_TRUE(remove("tree"));
    file("one");
    EXPECT_TRUE(remove("one"));
    EXPECT_FALSE(exists("one"));
}

TEST_F(Remove, LinksAreNotFollowed)
{
    file("canary/file"), link("link", "canary"), link("tree/link", "../canary"), link("tree/deep/link", at("canary"));
    EXPECT_TRUE(remove("link"));
    EXPECT_TRUE(remove("tree"));
    EXPECT_TRUE(exists("canary/file"));
}

TEST_F(Remove, EmptyFolderKeepsTheFolder)
{
    file("tree/a/b"), file("tree/c");
    EXPECT_TRUE(empty_folder(open("tree").get()));
    EXPECT_TRUE(std::filesystem::is_empty(at("tree")));
}

TEST_F(Remove, DepthCostsNothing)
{
    folder("tree");
    Fd here = open("tree");
    for (int depth = 0; depth < 100'000; ++depth) {
        ASSERT_EQ(mkdirat(here.get(), "d", 0755), 0) << depth;
        if (depth % 1000 == 0) {
            Fd file(openat(here.get(), "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
        }
        here = Fd(openat(here.get(), "d", O_PATH | O_DIRECTORY | O_CLOEXEC));
    }
    here.reset();
    Result<> removed = remove("tree");
    EXPECT_TRUE(removed) << removed.error().text;
    EXPECT_FALSE(exists("tree"));
}

TEST_F(Remove, NamesOfItsOwnKindAreNothingSpecial)
{
    for (int i = 0; i < 4; ++i) file(fmt::format("tree/holm-removed-{}/x/y", i)), file(fmt::format("tree/z/{}/y", i));
    EXPECT_TRUE(remove("tree"));
    EXPECT_FALSE(exists("tree"));
}

TEST_F(Remove, MountsAreNotEntered)
{
    file("canary/file"), folder("tree/a/bind"), file("tree/a/c");
    ASSERT_EQ(mount(at("canary").c_str(), at("tree/a/bind").c_str(), nullptr, MS_BIND, nullptr), 0);
    Result<> removed = remove("tree");
    ASSERT_FALSE(removed);
    EXPECT_EQ(removed.error().code, Errc::Busy);
    EXPECT_TRUE(exists("canary/file"));
    ASSERT_EQ(mount(at("canary").c_str(), at("tree").c_str(), nullptr, MS_BIND, nullptr), 0);
    EXPECT_EQ(remove("tree").error().code, Errc::Busy);
    EXPECT_TRUE(exists("canary/file"));
}

// The tree is swapped with links to the canary while it is removed.
TEST_F(Remove, WhileItIsRenamed)
{
    file("canary/file");
    std::jthread swapper([](const std::stop_token& asked) {
        while (!asked.stop_requested()) renameat2(AT_FDCWD, at("tree/a").c_str(), AT_FDCWD, at("tree/link").c_str(), RENAME_EXCHANGE);
    });
    for (int i = 0; i < 200; ++i) {
        file("tree/a/b/c"), link("tree/link", at("canary"));
        Result<> removed = remove("tree");
        EXPECT_TRUE(removed) << removed.error().text;
    }
    swapper.request_stop();
    EXPECT_TRUE(exists("canary/file"));
}

}  // namespace
}  // namespace holm::rootfs
