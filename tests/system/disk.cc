#include "disk.h"

#include <array>
#include <cstring>

#include "host.h"

namespace holm::test {

namespace {

constexpr uint64_t sector = 512, entries = 128, entry_size = 128, table_sectors = entries * entry_size / sector, first_usable = 2048;

uint32_t crc32(const std::string& bytes)
{
    uint32_t crc = ~0U;
    for (unsigned char byte : bytes) {
        crc ^= byte;
        for (int i = 0; i < 8; ++i) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
    }
    return ~crc;
}

template <typename Number>
void put(std::string& bytes, size_t at, Number number)
{
    std::memcpy(bytes.data() + at, &number, sizeof number);
}

// The first three groups of a UUID are little-endian on disk.
std::string uuid_bytes(const std::string& text)
{
    std::string hex, bytes;
    for (char c : text)
        if (c != '-') hex += c;
    for (size_t i = 0; i < 32; i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    for (auto [from, to] : std::array<std::array<int, 2>, 3>{{{0, 4}, {4, 6}, {6, 8}}})
        std::reverse(bytes.begin() + from, bytes.begin() + to);
    return bytes;
}

std::string header(uint64_t own, uint64_t other, uint64_t table_at, uint64_t last_usable, const std::string& table)
{
    std::string bytes(sector, '\0');
    std::memcpy(bytes.data(), "EFI PART", 8);
    put<uint32_t>(bytes, 8, 0x10000);
    put<uint32_t>(bytes, 12, 92);
    put<uint64_t>(bytes, 24, own);
    put<uint64_t>(bytes, 32, other);
    put<uint64_t>(bytes, 40, first_usable);
    put<uint64_t>(bytes, 48, last_usable);
    std::memcpy(bytes.data() + 56, uuid_bytes("01234567-89ab-cdef-0123-456789abcdef").data(), 16);
    put<uint64_t>(bytes, 72, table_at);
    put<uint32_t>(bytes, 80, entries);
    put<uint32_t>(bytes, 84, entry_size);
    put<uint32_t>(bytes, 88, crc32(table));
    put<uint32_t>(bytes, 16, crc32(bytes.substr(0, 92)));
    return bytes;
}

std::string protective_mbr()
{
    std::string bytes(sector, '\0');
    bytes[450] = static_cast<char>(0xee);
    put<uint32_t>(bytes, 454, 1);
    put<uint32_t>(bytes, 458, 0xffffffff);
    put<uint16_t>(bytes, 510, 0xaa55);
    return bytes;
}

}  // namespace

void write_disk(const std::string& path, const std::vector<DiskPartition>& partitions, TableDamage damage)
{
    std::string table(entries * entry_size, '\0');
    uint64_t at = first_usable;
    std::string script = fmt::format("rm -f {0} && truncate -s 0 {0}", path);
    for (size_t i = 0; i < partitions.size(); ++i) {
        const DiskPartition& partition = partitions[i];
        const uint64_t size = std::stoull(sh("stat -c %s " + partition.file).out), sectors = (size + sector - 1) / sector;
        const size_t entry = i * entry_size;
        std::memcpy(table.data() + entry, uuid_bytes(partition.type).data(), 16);
        table[entry + 16] = static_cast<char>(i + 1);
        put<uint64_t>(table, entry + 32, at);
        put<uint64_t>(table, entry + 40, at + sectors + partition.more_sectors - 1);
        put<uint64_t>(table, entry + 48, partition.flags);
        for (size_t c = 0; c < partition.label.size() && c < 36; ++c) table[entry + 56 + 2 * c] = partition.label[c];
        script += fmt::format(" && dd if={} of={} bs=1M oflag=seek_bytes seek={} conv=notrunc,sparse status=none", partition.file, path,
                              at * sector);
        at += (sectors + 2047) / 2048 * 2048;
    }
    const uint64_t last_usable = at - 1, second_table = at, second_header = at + table_sectors;
    std::string head = protective_mbr() + header(1, second_header, 2, last_usable, table) + table;
    std::string tail = table + header(second_header, 1, second_table, last_usable, table);
    if (damage != TableDamage::None) head[sector + 40] ^= 1;
    if (damage == TableDamage::BothHeaders) tail[table.size() + 40] ^= 1;
    write_file(path + ".head", head);
    write_file(path + ".tail", tail);
    script += fmt::format(
        " && dd if={0}.head of={0} conv=notrunc status=none && dd if={0}.tail of={0} bs=1M oflag=seek_bytes seek={1} "
        "conv=notrunc status=none && rm {0}.head {0}.tail",
        path, second_table * sector);
    EXPECT_TRUE(succeeds(sh(script)));
}

}  // namespace holm::test
