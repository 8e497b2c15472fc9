// Tar archives and OCI layouts made byte by byte, as no tool would make them. Pure, but for write_layout.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holm::test {

struct Member {
    std::string name;
    char type = '0';  // of ustar: '0' file, '1' hard link, '2' link, '3' '4' devices, '5' folder, '6' FIFO, 'x' pax header
    std::string content, link;
    unsigned mode = 0644;
    uint64_t owner = 0;
    std::optional<uint64_t> size;  // that the header says; default: of the content
};
// With the two blocks of its end.
std::string tar_of(const std::vector<Member>& members);
// A pax header for the member that follows.
Member pax(std::string_view key, std::string_view value);

struct Layer {
    std::string tar;
    std::string media_type = "application/vnd.oci.image.layer.v1.tar";
    std::string digest, diff_id;   // "" = the right one
    std::optional<uint64_t> size;  // that the manifest says
};
struct Layout {
    std::vector<Layer> layers;
    std::string config = "{}";  // of the payload
    std::string manifest_type = "application/vnd.oci.image.manifest.v1+json";
    std::string more_in_manifest;  // ", \"key\": …"
    std::string platform;          // ", \"platform\": {…}" of the manifest in the index
};
// Writes an OCI layout into a new folder.
void write_layout(const std::string& folder, const Layout& layout);

}  // namespace holm::test
