#include "image/disk_parts.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"

namespace holm::image {

namespace {

constexpr uint64_t no_auto = uint64_t{1} << 63;
constexpr std::string_view linux_data = "0fc63daf-8483-4772-8e79-3d69d8477de4", linux_mbr = "0x83";

struct Kind {
    std::string_view architecture, root, usr;
};

constexpr auto kinds = std::to_array<Kind>({
    {"amd64", "4f68bce3-e8cd-4db1-96e7-fbcaf984b709", "8484680c-9521-48c6-9c11-b0720656f69e"},
    {"386", "44479540-f297-41b2-9af7-d131d5f0458a", "75250d76-8cc6-458e-bd66-bd47cc81a812"},
    {"arm64", "b921b045-1df0-41c3-af44-4c6f280d3fae", "b0e01050-ee5f-4390-949a-9101b17104e9"},
    {"arm", "69dad710-2ce4-4e3c-b16c-21a1d49abed3", "7d0359a3-02b3-4f0a-865c-654403e70625"},
    {"riscv64", "72ec70a6-cf74-40e6-bd49-4bda08e8f224", "beaec34b-8442-439b-a40b-984381ed097d"},
    {"loong64", "77055800-792c-4f94-b39a-98c91b762bb6", "e611c702-575c-4cbe-9a46-434fa0bf7e3f"},
});

constexpr std::string_view home = "933ac7e1-2eb4-4f13-b844-0e14e2aef915", srv = "3b8f8425-20e0-4f3b-907f-1a25a76f98e8";

// The one of a type that is taken; null: none.
const Partition* find_of_type(const Disk& disk, std::string_view type)
{
    const Partition* found = nullptr;
    for (const Partition& partition : disk.partitions) {
        if (partition.type != type || (disk.table == Table::Gpt && partition.flags & no_auto)) continue;
        if (!found || ::strverscmp(partition.label.c_str(), found->label.c_str()) > 0) found = &partition;
    }
    return found;
}

// The only partition for Linux of an image that does not say what it is for.
const Partition* find_only(const Disk& disk)
{
    const std::string_view type = disk.table == Table::Gpt ? linux_data : linux_mbr;
    const bool one = std::ranges::count(disk.partitions, type, &Partition::type) == 1;
    return one ? find_of_type(disk, type) : nullptr;
}

Result<Part> part_of(const Disk& disk, const Partition& partition, std::string_view folder)
{
    Part part{.folder = std::string(folder), .number = partition.number, .begin = partition.begin, .size = partition.size};
    if (part.size == 0 || part.begin > disk.size || part.size > disk.size - part.begin)
        return error(Errc::Invalid, "partition {} reaches beyond the end of the image: it was cut, or its partition table is wrong",
                     partition.number);
    return part;
}

}  // namespace

std::string describe_part(const Part& part)
{
    return part.number ? fmt::format("partition {}", part.number) : "the image";
}

Result<std::vector<Part>> choose_parts(const Disk& disk, std::string_view architecture)
{
    if (disk.table == Table::None) return std::vector{Part{.folder = "", .number = 0, .begin = 0, .size = disk.size}};
    if (disk.table == Table::GptDamaged)
        return error(Errc::Invalid, "its GPT is damaged: neither of the two copies of the partition table adds up");
    if (disk.partitions.empty())
        return error(Errc::Invalid, "its partition table names no partition that lies within the image: it was cut, or the table is wrong");
    const auto kind = std::ranges::find(kinds, architecture, &Kind::architecture);
    const bool known = disk.table == Table::Gpt && kind != kinds.end();
    const Partition* root = known ? find_of_type(disk, kind->root) : nullptr;
    if (!root) root = find_only(disk);
    if (!root)
        return error(Errc::Invalid, "none of its {} partitions is a root for {}: its type is not that of the discoverable partitions",
                     disk.partitions.size(), architecture);
    std::vector<Part> parts = {TRY(part_of(disk, *root, ""))};
    if (disk.table != Table::Gpt) return parts;
    auto add = [&](std::string_view type, std::string_view folder) -> Result<> {
        const Partition* partition = find_of_type(disk, type);
        if (partition) parts.push_back(TRY(part_of(disk, *partition, folder)));
        return {};
    };
    if (known) TRY(add(kind->usr, "usr"));
    TRY(add(home, "home"));
    TRY(add(srv, "srv"));
    return parts;
}

Result<Reader> reader_of(const Part& part, std::string_view found)
{
    // What the file system itself asks for when it is damaged, which may be that the host panics, does not count.
    if (found == "ext4" || found == "ext3" || found == "ext2")
        return Reader{.type = "ext4", .options = {"ro", "noload", "errors=remount-ro"}};
    if (found == "xfs") return Reader{.type = "xfs", .options = {"ro", "norecovery", "nouuid"}};
    if (found == "btrfs") return Reader{.type = "btrfs", .options = {"ro", "rescue=nologreplay"}};
    if (found == "squashfs" || found == "erofs") return Reader{.type = std::string(found), .options = {"ro"}};
    if (found == "crypto_LUKS") return error(Errc::Invalid, "{} is encrypted: open it and import what is in it", describe_part(part));
    if (found.empty())
        return error(Errc::Invalid, "{} has no file system that is known: ext4, xfs, btrfs, squashfs or erofs", describe_part(part));
    return error(Errc::Invalid, "{} is '{}', which a root cannot be: ext4, xfs, btrfs, squashfs or erofs", describe_part(part),
                 printable(found));
}

}  // namespace holm::image
