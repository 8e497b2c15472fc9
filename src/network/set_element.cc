#include "network/set_element.h"

#include "base/text.h"

namespace holm::network {

namespace {

constexpr size_t longest_interface = 16;  // with its NUL: IFNAMSIZ
constexpr size_t word = 4;

std::string bytes_of_address(const Address& address)
{
    return {address.bytes.begin(), address.bytes.begin() + (address.family == Family::V4 ? 4 : 16)};
}

std::string bytes_of_port(uint16_t port)
{
    return {static_cast<char>(port >> 8), static_cast<char>(port & 0xff)};
}

ElementPart single(std::string text, std::string bytes)
{
    return {.text = std::move(text), .first = bytes, .last = std::move(bytes)};
}

std::string join(const std::vector<ElementPart>& parts, std::string ElementPart::* bytes)
{
    std::string joined;
    for (const ElementPart& part : parts) {
        joined += part.*bytes;
        if (parts.size() > 1) joined.resize((joined.size() + word - 1) / word * word);
    }
    return joined;
}

std::string describe_parts(const std::vector<ElementPart>& parts)
{
    std::string text;
    for (const ElementPart& part : parts) text += (text.empty() ? "" : " . ") + part.text;
    return text;
}

}  // namespace

ElementPart interface_part(std::string_view name)
{
    std::string bytes(name.substr(0, longest_interface - 1));
    bytes.resize(longest_interface);
    return single(fmt::format("\"{}\"", name), std::move(bytes));
}

ElementPart address_part(const Address& address)
{
    return single(describe(address), bytes_of_address(address));
}

ElementPart block_part(const Cidr& block)
{
    return {.text = describe(block), .first = bytes_of_address(block.address), .last = bytes_of_address(last_of(block))};
}

ElementPart mac_part(const Mac& mac)
{
    return single(describe(mac), {mac.begin(), mac.end()});
}

ElementPart protocol_part(uint8_t number)
{
    return single(fmt::format("{}", number), {static_cast<char>(number)});
}

ElementPart port_part(uint16_t first, uint16_t last)
{
    if (first == last) return single(fmt::format("{}", first), bytes_of_port(first));
    return {.text = fmt::format("{}-{}", first, last), .first = bytes_of_port(first), .last = bytes_of_port(last)};
}

ElementPart number_part(const Address& address)
{
    std::string digits = "0x";
    for (uint8_t byte : address.bytes) digits += fmt::format("{:02x}", byte);
    return single(std::move(digits), {address.bytes.begin(), address.bytes.end()});
}

std::string describe_table(Table table)
{
    return table == Table::Inet ? "inet holm" : "bridge holm";
}

std::string describe_entry(const SetElement& element)
{
    const std::string key = describe_parts(element.key);
    return element.value.empty() ? key : fmt::format("{} : {}", key, describe_parts(element.value));
}

std::string first_of(const std::vector<ElementPart>& parts)
{
    return join(parts, &ElementPart::first);
}

std::string last_of(const std::vector<ElementPart>& parts)
{
    return join(parts, &ElementPart::last);
}

}  // namespace holm::network
