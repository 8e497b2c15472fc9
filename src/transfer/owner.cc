#include "transfer/owner.h"

#include <linux/capability.h>

#include <algorithm>
#include <cstring>

#include <endian.h>

namespace holm::transfer {

namespace {

constexpr std::string_view acl_names[] = {"system.posix_acl_access", "system.posix_acl_default"};
constexpr std::string_view capability_name = "security.capability";

// <linux/posix_acl_xattr.h>, whose header C++ cannot take: a version, then entries, all little-endian.
constexpr uint32_t acl_version = 2;
constexpr uint16_t acl_user = 0x02, acl_group = 0x08;
struct AclEntry {
    uint16_t tag, permissions;
    uint32_t id;
};

bool is_acl(std::string_view name)
{
    return std::ranges::find(acl_names, name) != std::end(acl_names);
}

uint32_t map_id(uint32_t id, const machine::IdRange& range, Direction direction)
{
    return direction == Direction::In ? id_inside(range, id) : id_outside(range, id);
}

std::optional<std::string> map_acl(std::string_view value, const machine::IdRange& range, Direction direction)
{
    uint32_t version = 0;
    if (value.size() < sizeof version || (value.size() - sizeof version) % sizeof(AclEntry) != 0) return {};
    memcpy(&version, value.data(), sizeof version);
    if (le32toh(version) != acl_version) return {};
    std::string mapped(value);
    for (size_t at = sizeof version; at < mapped.size(); at += sizeof(AclEntry)) {
        AclEntry entry;
        memcpy(&entry, mapped.data() + at, sizeof entry);
        const uint16_t tag = le16toh(entry.tag);
        if (tag != acl_user && tag != acl_group) continue;
        entry.id = htole32(map_id(le32toh(entry.id), range, direction));
        memcpy(mapped.data() + at, &entry, sizeof entry);
    }
    return mapped;
}

// With a root of its own (version 3) outside where the machine's ids are shifted, without one (version 2) inside: each is what the
// program that runs it there believes.
std::optional<std::string> map_capability(std::string_view value, const machine::IdRange& range, Direction direction)
{
    vfs_ns_cap_data data{};
    if (value.size() != XATTR_CAPS_SZ_2 && value.size() != XATTR_CAPS_SZ_3) return {};
    memcpy(&data, value.data(), value.size());
    const uint32_t magic = le32toh(data.magic_etc), revision = magic & VFS_CAP_REVISION_MASK;
    if (revision != (value.size() == XATTR_CAPS_SZ_3 ? VFS_CAP_REVISION_3 : VFS_CAP_REVISION_2)) return {};
    const uint32_t root = map_id(value.size() == XATTR_CAPS_SZ_3 ? le32toh(data.rootid) : 0, range, direction);
    if (direction == Direction::In && value.size() == XATTR_CAPS_SZ_3 && root != 0) return {};  // somebody else's
    const bool own_root = direction == Direction::Out && range.shifts();
    data.magic_etc = htole32((magic & ~VFS_CAP_REVISION_MASK) | (own_root ? VFS_CAP_REVISION_3 : VFS_CAP_REVISION_2));
    data.rootid = htole32(own_root ? range.base : 0);
    return std::string(reinterpret_cast<const char*>(&data), own_root ? XATTR_CAPS_SZ_3 : XATTR_CAPS_SZ_2);
}

}  // namespace

uint32_t id_inside(const machine::IdRange& range, uint32_t outside)
{
    if (!range.shifts()) return outside;
    return outside >= range.base && outside - range.base < range.count ? outside - range.base : nobody;
}

uint32_t id_outside(const machine::IdRange& range, uint32_t inside)
{
    if (!range.shifts()) return inside;
    return range.base + (inside < range.count ? inside : std::min(nobody, range.count - 1));
}

bool is_carried(std::string_view name)
{
    return name.starts_with("user.") || is_acl(name) || name == capability_name;
}

std::optional<std::string> map_attribute(std::string_view name, std::string_view value, const machine::IdRange& range, Direction direction)
{
    if (is_acl(name)) return map_acl(value, range, direction);
    if (name == capability_name) return map_capability(value, range, direction);
    return std::string(value);
}

}  // namespace holm::transfer
