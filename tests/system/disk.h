// Disk images made byte by byte, as no tool would make them. Pure, but for write_disk.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace holm::test {

inline const std::string root_type = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709", home_type = "933ac7e1-2eb4-4f13-b844-0e14e2aef915",
                         usr_type = "8484680c-9521-48c6-9c11-b0720656f69e", swap_type = "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f",
                         data_type = "0fc63daf-8483-4772-8e79-3d69d8477de4";

struct DiskPartition {
    std::string type;  // as UUID
    std::string file;  // that it holds, whole
    std::string label;
    uint64_t flags = 0;
    uint64_t more_sectors = 0;  // than its file has, which the table says
};

enum class TableDamage { None, FirstHeader, BothHeaders };

// Writes a GPT with its two copies and the partitions, one behind the other. The architecture of the types above is that of x86-64.
void write_disk(const std::string& path, const std::vector<DiskPartition>& partitions, TableDamage damage = TableDamage::None);

}  // namespace holm::test
