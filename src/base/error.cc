#include "base/error.h"

namespace holm {

Errc code_of_errno(int number)
{
    switch (number) {
    case ENOENT:
    case ENODEV:
    case ESRCH: return Errc::NotFound;
    case EEXIST: return Errc::Exists;
    case EBUSY:
    case EAGAIN: return Errc::Busy;
    case EACCES:
    case EPERM: return Errc::Denied;
    case EOPNOTSUPP:
    case ENOSYS: return Errc::NotSupported;
    case ETIMEDOUT: return Errc::Timeout;
    case EINVAL:
    case ENOTDIR:
    case ELOOP:
    case ENAMETOOLONG: return Errc::Invalid;
    default: return Errc::Failed;
    }
}

Error errno_error_text(int number, std::string text)
{
    text += ": ";
    char buffer[128];
    text += strerror_r(number, buffer, sizeof buffer);  // the GNU one: may not use the buffer
    return {code_of_errno(number), number, std::move(text)};
}

Error with_context(Error error, std::string_view context)
{
    error.text.insert(0, ": ");
    error.text.insert(0, context);
    return error;
}

}  // namespace holm
