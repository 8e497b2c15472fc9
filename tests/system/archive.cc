#include "archive.h"

#include <cstring>

#include <fmt/format.h>

#include "host.h"

namespace holm::test {

namespace {

constexpr size_t block = 512;

void put_octal(std::string& header, size_t at, size_t width, uint64_t value)
{
    const std::string digits = fmt::format("{:0{}o}", value, width - 1);
    header.replace(at, digits.size(), digits);
}

void put_text(std::string& header, size_t at, size_t width, const std::string& text)
{
    header.replace(at, std::min(width, text.size()), text.substr(0, width));
}

std::string header_of(const Member& member)
{
    std::string header(block, '\0');
    put_text(header, 0, 100, member.name);
    put_octal(header, 100, 8, member.mode);
    put_octal(header, 108, 8, member.owner);
    put_octal(header, 116, 8, member.owner);
    put_octal(header, 124, 12, member.size.value_or(member.content.size()));
    put_octal(header, 136, 12, 1700000000);
    header[156] = member.type;
    put_text(header, 157, 100, member.link);
    header.replace(257, 8,
                   std::string("ustar\0"
                               "00",
                               8));
    put_octal(header, 329, 8, 8);
    put_octal(header, 337, 8, 0);
    header.replace(148, 8, std::string(8, ' '));
    uint64_t sum = 0;
    for (char c : header) sum += static_cast<unsigned char>(c);
    header.replace(148, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
    return header;
}

std::string descriptor(const std::string& type, const std::string& digest, uint64_t size, const std::string& more = "")
{
    return fmt::format(R"({{"mediaType": "{}", "digest": "{}", "size": {}{}}})", type, digest, size, more);
}

std::string write_blob(const std::string& folder, const std::string& bytes)
{
    const std::string hex = sha256(bytes);
    write_file(fmt::format("{}/blobs/sha256/{}", folder, hex), bytes);
    return "sha256:" + hex;
}

}  // namespace

std::string tar_of(const std::vector<Member>& members)
{
    std::string tar;
    for (const Member& member : members) {
        tar += header_of(member) + member.content;
        tar.resize((tar.size() + block - 1) / block * block);
    }
    return tar + std::string(2 * block, '\0');
}

Member pax(std::string_view key, std::string_view value)
{
    size_t length = key.size() + value.size() + 3;
    while (fmt::format("{}", length).size() + key.size() + value.size() + 3 != length) ++length;
    return {.name = "PaxHeader", .type = 'x', .content = fmt::format("{} {}={}\n", length, key, value)};
}

void write_layout(const std::string& folder, const Layout& layout)
{
    sh("mkdir -p " + folder + "/blobs/sha256");
    std::string layers, diff_ids;
    for (const Layer& layer : layout.layers) {
        const std::string digest = write_blob(folder, layer.tar);
        layers += (layers.empty() ? "" : ", ") +
                  descriptor(layer.media_type, layer.digest.empty() ? digest : layer.digest, layer.size.value_or(layer.tar.size()));
        diff_ids += fmt::format("{}\"{}\"", diff_ids.empty() ? "" : ", ", layer.diff_id.empty() ? digest : layer.diff_id);
    }
    const std::string config =
        fmt::format(R"({{"os": "linux", "architecture": "amd64", "config": {}, "rootfs": {{"type": "layers", "diff_ids": [{}]}}}})",
                    layout.config, diff_ids);
    const std::string manifest = fmt::format(
        R"({{"schemaVersion": 2, "config": {}, "layers": [{}]{}}})",
        descriptor("application/vnd.oci.image.config.v1+json", write_blob(folder, config), config.size()), layers, layout.more_in_manifest);
    write_file(folder + "/index.json",
               fmt::format(R"({{"schemaVersion": 2, "manifests": [{}]}})",
                           descriptor(layout.manifest_type, write_blob(folder, manifest), manifest.size(), layout.platform)));
    write_file(folder + "/oci-layout", R"({"imageLayoutVersion": "1.0.0"})");
}

}  // namespace holm::test
