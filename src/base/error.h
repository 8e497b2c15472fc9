// What can go wrong, as a value: Errc, Error, Result<T> and TRY. Pure.
#pragma once

#include <cerrno>
#include <cstring>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace holm {

// One code per D-Bus error name (api/errors): what a caller can act on. Everything else is in the sentence.
enum class Errc {
    Invalid,        // what was asked makes no sense: bad key, bad value, bad name
    NotFound,       // what was named does not exist
    Exists,         // what was to be made exists
    Busy,           // somebody else holds it, or its state does not allow this now
    Denied,         // the caller may not
    NotSupported,   // this kernel, file system, systemd or version of holm cannot
    Timeout,        // a deadline passed
    Unavailable,    // a service that is needed does not answer (holmd, D-Bus, systemd)
    NoCommand,      // the command to run does not exist in the machine (exit status 127)
    NotExecutable,  // the command to run cannot be executed (exit status 126)
    Failed,         // all else: the sentence says what
};

// A sentence with a noun, and the errno it began with (0: none). Logged once, where it stops.
struct Error {
    Errc code = Errc::Failed;
    int sys_errno = 0;
    std::string text;

    bool operator==(const Error&) const = default;
};

// A value or an Error. std::expected of libstdc++ 12 with [[nodiscard]].
template <typename T = void>
class [[nodiscard]] Result : public std::expected<T, Error> {
public:
    using std::expected<T, Error>::expected;
    Result(const Error& error) : std::expected<T, Error>(std::unexpect, error) {}
    Result(Error&& error) : std::expected<T, Error>(std::unexpect, std::move(error)) {}
};

// An Error of `code` whose text is formatted as by fmt::format.
template <typename... Args>
Error error(Errc code, fmt::format_string<Args...> format, Args&&... args)
{
    return {code, 0, fmt::format(format, std::forward<Args>(args)...)};
}

// The code that an errno stands for when nothing better is known.
Errc code_of_errno(int number);

// An Error of errno `number`: "TEXT: No such file or directory".
Error errno_error_text(int number, std::string text);

template <typename... Args>
Error errno_error(int number, fmt::format_string<Args...> format, Args&&... args)
{
    return errno_error_text(number, fmt::format(format, std::forward<Args>(args)...));
}

// The same for the errno of the call that has just failed.
template <typename... Args>
Error sys_error(fmt::format_string<Args...> format, Args&&... args)
{
    int number = errno;
    return errno_error_text(number, fmt::format(format, std::forward<Args>(args)...));
}

// The error with "CONTEXT: " before its text.
Error with_context(Error error, std::string_view context);

namespace detail {
template <typename T>
T take(Result<T>& result)
{
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}
inline Error propagate(Error error)
{
    return error;
}
inline Error propagate(Error error, std::string_view context)
{
    return with_context(std::move(error), context);
}
}  // namespace detail

}  // namespace holm

// The value of a Result, or return of its Error from the enclosing function, with context before it if given.
// A statement expression of GNU C++: works for Result<void> too. Not behind an owner in braces or arguments, `Source{path, TRY(…)}`:
// g++ 12 does not destroy what stands before it when it returns.
#define TRY(expression, ...)                                                                            \
    __extension__({                                                                                     \
        auto try_result = (expression);                                                                 \
        if (!try_result.has_value()) [[unlikely]]                                                       \
            return ::holm::detail::propagate(std::move(try_result.error()) __VA_OPT__(, ) __VA_ARGS__); \
        ::holm::detail::take(try_result);                                                               \
    })
