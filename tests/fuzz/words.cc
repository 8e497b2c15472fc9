#include <cstdlib>

#include "image/identifiers.h"
#include "machine/grammar.h"
#include "machine/guest_files.h"
#include "machine/identifiers.h"
#include "machine/name.h"
#include "machine/network_grammar.h"
#include "network/address.h"
#include "targets.h"

namespace holm::fuzz {

namespace {

// What is taken reads back as the same from its own words.
template <typename Parse, typename Describe>
void round(std::string_view bytes, Parse parse, Describe describe)
{
    auto value = parse(bytes);
    if (!value) return;
    auto again = parse(describe(*value));
    if (!again || *again != *value) std::abort();
}

// What is taken is taken again as it is.
template <typename Parse>
void settled(std::string_view bytes, Parse parse)
{
    auto value = parse(bytes);
    if (!value) return;
    auto again = parse(*value);
    if (!again || *again != *value) std::abort();
}

}  // namespace

void words(std::string_view bytes)
{
    round(bytes, machine::parse_size, machine::describe_size);
    round(bytes, machine::parse_duration, machine::describe_duration);
    round(bytes, machine::parse_clock_offset, machine::describe_clock_offset);
    round(bytes, machine::parse_signal, machine::describe_signal);
    round(bytes, machine::parse_users, machine::describe_users);
    round(bytes, machine::parse_ready, machine::describe_ready);
    round(bytes, machine::parse_resolv_conf, machine::describe_resolv_conf);
    for (auto parse : {machine::parse_path,       machine::parse_timezone, machine::parse_publication, machine::parse_rule,
                       machine::parse_network,    machine::parse_address,  machine::parse_domain,      machine::parse_alias,
                       machine::parse_mac,        machine::parse_rate,     machine::parse_user,        machine::parse_hostname,
                       machine::parse_interface,  machine::parse_slice,    machine::parse_file_name,   machine::parse_capability,
                       machine::parse_machine_id, machine::parse_device,   machine::parse_sysctl_name, image::parse_digest,
                       image::parse_reference,    image::parse_image_name})
        settled(bytes, parse);
    static_cast<void>(machine::parse_unit(bytes));
    static_cast<void>(network::parse_ip(bytes));
    static_cast<void>(network::parse_cidr(bytes));
    if (auto name = machine::parse_name(bytes); name && name->text() != bytes) std::abort();
}

}  // namespace holm::fuzz
