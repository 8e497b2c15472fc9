#include "workbench.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>

namespace holm::test {

namespace {

bool has_own_mounts()
{
    static const bool has = geteuid() == 0 && unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) == 0;
    return has;
}

void make_above(const std::string& path)
{
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
}

}  // namespace

void Workbench::SetUp()
{
    if (!has_own_mounts()) GTEST_SKIP() << "needs root";
    ASSERT_EQ(::mount("tmpfs", top, "tmpfs", 0, "mode=755"), 0);
}

void Workbench::TearDown()
{
    umount2(top, MNT_DETACH);
}

void Workbench::folder(std::string_view path)
{
    std::filesystem::create_directories(at(path));
}

void Workbench::file(std::string_view path, unsigned mode)
{
    make_above(at(path));
    ASSERT_TRUE(replace_file(at(path), "", mode)) << path;
}

void Workbench::link(std::string_view path, std::string_view target)
{
    make_above(at(path));
    ASSERT_EQ(symlink(std::string(target).c_str(), at(path).c_str()), 0) << path;
}

void Workbench::whiteout(std::string_view path)
{
    make_above(at(path));
    ASSERT_EQ(mknod(at(path).c_str(), S_IFCHR, makedev(0, 0)), 0) << path;
}

Fd Workbench::open(std::string_view path)
{
    Result<Fd> opened = open_file(at(path), O_PATH | O_DIRECTORY);
    EXPECT_TRUE(opened) << path;
    return opened ? std::move(*opened) : Fd();
}

}  // namespace holm::test
