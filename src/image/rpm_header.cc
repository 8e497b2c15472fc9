#include "image/rpm_header.h"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace holm::image {

namespace {

constexpr uint32_t tag_name = 1000, tag_version = 1001, tag_release = 1002, tag_epoch = 1003;
constexpr uint32_t type_int32 = 4, type_string = 6;
constexpr size_t lengths_size = 8, entry_size = 16, longest_text = 255;

// Big-endian; the caller has looked that they are there.
uint32_t number_at(std::string_view bytes, size_t at)
{
    uint32_t number = 0;
    for (const char byte : bytes.substr(at, 4)) number = number << 8 | static_cast<unsigned char>(byte);
    return number;
}

// The index, entries of tag, type, offset and count; and the data that the offsets are of.
struct Header {
    std::string_view index, data;
};

Result<Header> split_header(std::string_view bytes)
{
    if (bytes.size() < lengths_size) return error(Errc::Invalid, "the header of a package is cut");
    const uint64_t entries = number_at(bytes, 0), data = number_at(bytes, 4);
    if (lengths_size + entries * entry_size + data > bytes.size()) return error(Errc::Invalid, "the header of a package is cut");
    const size_t index_size = entries * entry_size;
    return Header{.index = bytes.substr(lengths_size, index_size), .data = bytes.substr(lengths_size + index_size, data)};
}

// Where the value of a tag begins in the data; nothing where there is no such tag.
Result<std::optional<size_t>> find_value(const Header& header, uint32_t tag, uint32_t type)
{
    for (size_t at = 0; at < header.index.size(); at += entry_size) {
        if (number_at(header.index, at) != tag) continue;
        const uint32_t offset = number_at(header.index, at + 8);
        if (number_at(header.index, at + 4) != type || number_at(header.index, at + 12) != 1 || offset >= header.data.size())
            return error(Errc::Invalid, "the header of a package has no sense at tag {}", tag);
        return std::optional<size_t>(offset);
    }
    return std::optional<size_t>();
}

Result<std::string> read_text(const Header& header, uint32_t tag)
{
    const std::optional<size_t> begin = TRY(find_value(header, tag, type_string));
    if (!begin) return error(Errc::Invalid, "the header of a package has no tag {}", tag);
    const std::string_view rest = header.data.substr(*begin, longest_text + 1);
    const std::string_view text = rest.substr(0, rest.find('\0'));
    if (text.empty() || text.size() == rest.size() || !std::ranges::all_of(text, [](char byte) { return byte > ' ' && byte < '\x7f'; }))
        return error(Errc::Invalid, "the header of a package has no text at tag {}", tag);
    return std::string(text);
}

// "3:", "" for none.
Result<std::string> read_epoch(const Header& header)
{
    const std::optional<size_t> begin = TRY(find_value(header, tag_epoch, type_int32));
    if (!begin) return std::string();
    if (header.data.size() - *begin < 4) return error(Errc::Invalid, "the header of a package is cut");
    return fmt::format("{}:", number_at(header.data, *begin));
}

}  // namespace

Result<RpmPackage> parse_rpm_header(std::string_view bytes)
{
    const Header header = TRY(split_header(bytes));
    RpmPackage package;
    package.name = TRY(read_text(header, tag_name));
    package.version = TRY(read_epoch(header));
    package.version += TRY(read_text(header, tag_version));
    package.version += '-';
    package.version += TRY(read_text(header, tag_release));
    return package;
}

}  // namespace holm::image
