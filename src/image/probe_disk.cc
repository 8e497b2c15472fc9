#include "image/probe_disk.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include <blkid/blkid.h>

#include "base/handle.h"
#include "base/text.h"

namespace holm::image {

namespace {

constexpr uint64_t sector = 512;
constexpr int none_found = 1, several_found = -2;  // of blkid_do_safeprobe

using Probe = Handle<struct blkid_struct_probe, blkid_free_probe>;

struct Foreign {
    std::string_view magic, name;
};
constexpr auto foreign = std::to_array<Foreign>({{"QFI\xfb", "qcow2"}, {"KDMV", "vmdk"}, {"vhdxfile", "vhdx"}, {"conectix", "vpc"}});

Result<Probe> open_probe(int file, uint64_t begin, uint64_t size)
{
    Probe probe(blkid_new_probe());
    if (!probe) return error(Errc::Failed, "there is no memory to look at the disk image");
    if (blkid_probe_set_device(probe.get(), file, static_cast<blkid_loff_t>(begin), static_cast<blkid_loff_t>(size)))
        return error(Errc::Failed, "the disk image cannot be read");
    return probe;
}

std::string lower(const char* text)
{
    std::string result = text ? text : "";
    std::ranges::transform(result, result.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return result;
}

Partition read_partition(blkid_partition partition)
{
    const char* type = blkid_partition_get_type_string(partition);
    const char* label = blkid_partition_get_name(partition);
    return {.number = static_cast<unsigned>(blkid_partition_get_partno(partition)),
            .type = type ? lower(type) : fmt::format("{:#x}", blkid_partition_get_type(partition)),
            .label = label ? label : "",
            .begin = static_cast<uint64_t>(blkid_partition_get_start(partition)) * sector,
            .size = static_cast<uint64_t>(blkid_partition_get_size(partition)) * sector,
            .flags = blkid_partition_get_flags(partition)};
}

// A protective MBR has one partition of type 0xee: then there was a GPT.
bool is_protective(const std::array<unsigned char, sector>& first)
{
    constexpr size_t entries = 446, entry_size = 16, type_at = 4;
    if (first[510] != 0x55 || first[511] != 0xaa) return false;
    for (size_t i = 0; i < 4; ++i)
        if (first[entries + i * entry_size + type_at] == 0xee) return true;
    return false;
}

}  // namespace

Result<Disk> probe_disk(int file)
{
    struct stat status;
    if (::fstat(file, &status)) return sys_error("cannot look at the disk image");
    Disk disk{.size = static_cast<uint64_t>(status.st_size)};
    std::array<unsigned char, sector> first{};
    if (::pread(file, first.data(), first.size(), 0) != static_cast<ssize_t>(first.size()))
        return error(Errc::Invalid, "the disk image is too small to be one");
    for (auto& [magic, name] : foreign)
        if (std::string_view(reinterpret_cast<const char*>(first.data()), magic.size()) == magic)
            return error(Errc::Invalid, "this is a {} image: 'qemu-img convert -O raw' makes a raw one of it", name);

    Probe probe = TRY(open_probe(file, 0, disk.size));
    blkid_probe_enable_partitions(probe.get(), 1);
    blkid_probe_enable_superblocks(probe.get(), 0);
    blkid_partlist list = blkid_probe_get_partitions(probe.get());
    blkid_parttable table = list ? blkid_partlist_get_table(list) : nullptr;
    const std::string_view kind = table ? blkid_parttable_get_type(table) : "";
    if (kind != "gpt" && kind != "dos") {
        if (is_protective(first)) disk.table = Table::GptDamaged;
        return disk;
    }
    disk.table = kind == "gpt" ? Table::Gpt : Table::Mbr;
    for (int i = 0; i < blkid_partlist_numof_partitions(list); ++i)
        disk.partitions.push_back(read_partition(blkid_partlist_get_partition(list, i)));
    return disk;
}

Result<std::string> probe_file_system(int file, const Part& part)
{
    Probe probe = TRY(open_probe(file, part.begin, part.size));
    blkid_probe_enable_superblocks(probe.get(), 1);
    blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE);
    const int found = blkid_do_safeprobe(probe.get());
    if (found == several_found) return error(Errc::Invalid, "{} looks like more than one file system at once", describe_part(part));
    const char* type = nullptr;
    if (found == none_found || blkid_probe_lookup_value(probe.get(), "TYPE", &type, nullptr)) return std::string();
    return std::string(type);
}

}  // namespace holm::image
