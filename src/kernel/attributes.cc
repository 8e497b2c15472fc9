#include "kernel/attributes.h"

#include <sys/xattr.h>
#include <climits>

#include "base/text.h"
#include "kernel/path.h"

namespace holm::kernel {

namespace {

// A descriptor of O_PATH takes no f*xattr(2), and a link, device or socket cannot be opened otherwise: /proc leads to both.
std::string path_of(int folder, const std::string& name)
{
    const std::string path = path_of_descriptor(folder);
    return name.empty() ? path + "/." : path + "/" + name;
}

// How often a value may have grown between the two looks.
constexpr unsigned most_looks = 8;

// What a call of (buffer, size) gives that tells the size it wants when it is given none.
template <typename Call>
Result<std::string> read_sized(const Call& call)
{
    for (unsigned look = 0;; ++look) {
        const ssize_t wanted = call(nullptr, 0);
        if (wanted < 0) return errno_error(errno, "cannot read extended attributes");
        std::string bytes(static_cast<size_t>(wanted), '\0');
        if (wanted == 0) return bytes;
        const ssize_t size = call(bytes.data(), bytes.size());
        if (size >= 0) return bytes.substr(0, static_cast<size_t>(size));
        if (errno != ERANGE || look == most_looks) return errno_error(errno, "cannot read extended attributes");
    }
}

Result<std::string> read_value(const std::string& path, const char* attribute)
{
    auto value = read_sized([&](char* bytes, size_t size) { return ::lgetxattr(path.c_str(), attribute, bytes, size); });
    if (!value && (value.error().sys_errno == ENODATA || value.error().sys_errno == EOPNOTSUPP)) return std::string();
    return value;
}

}  // namespace

Result<Attributes> read_attributes(int folder, const std::string& name)
{
    const std::string path = path_of(folder, name);
    auto names = read_sized([&](char* bytes, size_t size) { return ::llistxattr(path.c_str(), bytes, size); });
    Attributes attributes;
    if (!names && names.error().sys_errno == EOPNOTSUPP) return attributes;
    if (!names) return names.error();
    for (std::string_view attribute : split(*names, '\0')) {
        if (attribute.empty()) continue;
        const std::string key(attribute);
        auto value = read_sized([&](char* bytes, size_t size) { return ::lgetxattr(path.c_str(), key.c_str(), bytes, size); });
        if (value) attributes[key] = std::move(*value);
        else if (value.error().sys_errno != ENODATA) return with_context(value.error(), printable(key));
    }
    return attributes;
}

Result<std::string> read_attribute(int folder, const std::string& name, const char* attribute)
{
    return read_value(path_of(folder, name), attribute);
}

Result<> write_attribute(int folder, const std::string& name, const std::string& attribute, const std::string& value)
{
    if (::lsetxattr(path_of(folder, name).c_str(), attribute.c_str(), value.data(), value.size(), 0))
        return sys_error("cannot set the extended attribute '{}'", printable(attribute));
    return {};
}

}  // namespace holm::kernel
