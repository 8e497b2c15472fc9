#include "image/entry_attributes.h"

#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/xattr.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "image/attributes.h"

namespace holm::image {

namespace {

Result<bool> set(int file, const char* name, const void* value, size_t size)
{
    if (::fsetxattr(file, name, value, size, 0) == 0) return true;
    if (errno == EOPNOTSUPP || errno == ERANGE || errno == E2BIG || errno == EINVAL) return false;
    return sys_error("cannot set the extended attribute '{}'", printable(name));
}

uint16_t kernel_tag(int tag)
{
    switch (tag) {
    case ARCHIVE_ENTRY_ACL_USER_OBJ: return ACL_USER_OBJ;
    case ARCHIVE_ENTRY_ACL_USER: return ACL_USER;
    case ARCHIVE_ENTRY_ACL_GROUP_OBJ: return ACL_GROUP_OBJ;
    case ARCHIVE_ENTRY_ACL_GROUP: return ACL_GROUP;
    case ARCHIVE_ENTRY_ACL_MASK: return ACL_MASK;
    case ARCHIVE_ENTRY_ACL_OTHER: return ACL_OTHER;
    default: return 0;
    }
}

// As the kernel has an ACL in system.posix_acl_access and _default; none: an entry of it has no id.
std::optional<std::string> describe_acl(archive_entry* entry, int wanted)
{
    std::vector<posix_acl_xattr_entry> entries;
    int type = 0, permissions = 0, tag = 0, id = 0;
    const char* name = nullptr;
    while (archive_entry_acl_next(entry, wanted, &type, &permissions, &tag, &id, &name) == ARCHIVE_OK) {
        const bool named = tag == ARCHIVE_ENTRY_ACL_USER || tag == ARCHIVE_ENTRY_ACL_GROUP;
        if (kernel_tag(tag) == 0 || (named && id < 0)) return {};
        entries.push_back({.e_tag = kernel_tag(tag),
                           .e_perm = static_cast<uint16_t>(permissions & 7),
                           .e_id = named ? static_cast<uint32_t>(id) : ACL_UNDEFINED_ID});
    }
    std::ranges::sort(entries, {}, [](const posix_acl_xattr_entry& one) { return std::pair<unsigned, unsigned>(one.e_tag, one.e_id); });
    const posix_acl_xattr_header header{.a_version = POSIX_ACL_XATTR_VERSION};
    std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
    bytes.append(reinterpret_cast<const char*>(entries.data()), entries.size() * sizeof entries[0]);
    return bytes;
}

Result<uint64_t> apply_acl(archive_entry* entry, int file, int type, const char* name, int plain)
{
    if (archive_entry_acl_reset(entry, type) <= plain) return uint64_t{0};
    auto acl = describe_acl(entry, type);
    if (!acl) return uint64_t{1};
    return uint64_t{TRY(set(file, name, acl->data(), acl->size())) ? 0u : 1u};
}

}  // namespace

Result<uint64_t> apply_attributes(archive_entry* entry, int file, Of of)
{
    uint64_t left_out = 0;
    const char* name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK)
        if (!name || !is_kept_attribute(name) || !TRY(set(file, name, value, size))) ++left_out;
    left_out += TRY(apply_acl(entry, file, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, "system.posix_acl_access", 3));
    if (of == Of::Folder) left_out += TRY(apply_acl(entry, file, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, "system.posix_acl_default", 0));
    return left_out;
}

}  // namespace holm::image
