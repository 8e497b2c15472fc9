#include "base/error.h"

#include <gtest/gtest.h>

#include "base/undo.h"

namespace holm {
namespace {

Result<int> half(int number)
{
    if (number % 2 != 0) return error(Errc::Invalid, "{} is odd", number);
    return number / 2;
}

Result<int> quarter(int number)
{
    int once = TRY(half(number), "first");
    return TRY(half(once));
}

Result<> check(int number)
{
    TRY(quarter(number));
    return {};
}

TEST(Error, TryGivesTheValueOrReturns)
{
    EXPECT_EQ(*quarter(8), 2);
    EXPECT_EQ(quarter(7).error().text, "first: 7 is odd");
    EXPECT_EQ(quarter(6).error().text, "3 is odd");
    EXPECT_TRUE(check(4));
    EXPECT_EQ(check(2).error().code, Errc::Invalid);
}

TEST(Error, ErrnoKeepsItsNumberAndCode)
{
    errno = ENOENT;
    Error failure = sys_error("cannot open '{}'", "/x");
    EXPECT_EQ(failure.text, "cannot open '/x': No such file or directory");
    EXPECT_EQ(failure.sys_errno, ENOENT);
    EXPECT_EQ(failure.code, Errc::NotFound);
    EXPECT_EQ(errno_error(EPERM, "no").code, Errc::Denied);
    EXPECT_EQ(errno_error(EIO, "no").code, Errc::Failed);
    EXPECT_EQ(with_context(failure, "machine 'web'").sys_errno, ENOENT);
}

TEST(Undo, IsDoneUnlessKept)
{
    int undone = 0;
    {
        Undo undo([&] { ++undone; });
    }
    {
        Undo undo([&] { ++undone; });
        undo.keep();
    }
    EXPECT_EQ(undone, 1);
}

}  // namespace
}  // namespace holm
