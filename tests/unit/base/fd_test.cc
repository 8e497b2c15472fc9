#include "base/fd.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include <gtest/gtest.h>

namespace holm {
namespace {

class Files : public testing::Test {
protected:
    void SetUp() override
    {
        char name[] = "/tmp/holm-fd-XXXXXX";
        folder_ = ::mkdtemp(name);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    std::string folder_;
};

TEST_F(Files, DescriptorsCloseAndMove)
{
    Fd a = *open_file(folder_, O_RDONLY | O_DIRECTORY);
    const int number = a.get();
    EXPECT_TRUE(::fcntl(number, F_GETFD) & FD_CLOEXEC);
    Fd b = std::move(a);
    EXPECT_FALSE(a);
    EXPECT_EQ(b.get(), number);
    b.reset();
    EXPECT_EQ(::fcntl(number, F_GETFD), -1);
}

TEST_F(Files, AFifoInTheirPlaceIsNotWaitedFor)
{
    const std::string path = folder_ + "/fifo";
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    auto text = read_regular_file(path);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().text, fmt::format("'{}' is not a regular file", path));
    EXPECT_FALSE(read_regular_file(folder_));
    EXPECT_FALSE(read_regular_file("/dev/null"));
    EXPECT_TRUE(read_regular_file("/proc/self/status"));
    ASSERT_EQ(::mkfifo((path + ".new").c_str(), 0600), 0);
    EXPECT_FALSE(replace_file(path, "x"));
}

TEST_F(Files, ReplaceIsWholeOrNotAtAll)
{
    const std::string path = folder_ + "/f";
    ASSERT_TRUE(replace_file(path, "one", 0600));
    ASSERT_TRUE(replace_file(path, "two", 0640));
    EXPECT_EQ(*read_file(path), "two");
    struct stat status;
    ::stat(path.c_str(), &status);
    EXPECT_EQ(status.st_mode & 07777, 0640u);
    auto failed = replace_file(folder_ + "/none/f", "x");
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, Errc::NotFound);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);  // nothing temporary is left
}

TEST_F(Files, ReadingIsBounded)
{
    const std::string path = folder_ + "/f";
    ASSERT_TRUE(replace_file(path, std::string(100, 'x')));
    EXPECT_EQ(read_file(path, 100)->size(), 100u);
    auto failed = read_file(path, 99);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().text, "'" + path + "': is larger than 99 bytes");
    EXPECT_EQ(read_file("/dev/zero", 1000).error().code, Errc::Invalid);
}

TEST_F(Files, FoldersAreMadeOnce)
{
    ASSERT_TRUE(make_folders(folder_ + "/a/b/c", 0700));
    ASSERT_TRUE(make_folders(folder_ + "/a/b/c", 0700));
    EXPECT_TRUE(std::filesystem::is_directory(folder_ + "/a/b/c"));
    ASSERT_TRUE(replace_file(folder_ + "/f", ""));
    EXPECT_FALSE(make_folders(folder_ + "/f/x"));
}

TEST(Pipes, CarryBytes)
{
    Pair pipe = *make_pipe();
    ASSERT_TRUE(write_all(pipe.second.get(), "hello"));
    pipe.second.reset();
    EXPECT_EQ(*read_all(pipe.first.get(), 10), "hello");
}

}  // namespace
}  // namespace holm
