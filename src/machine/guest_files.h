// The words of identity.timezone and identity.resolv_conf: those of systemd-nspawn's --timezone and --resolv-conf. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "machine/spec.h"

namespace holm::machine {

// "auto", "copy", "symlink", "bind", "delete", "off", or a zone: a name below /usr/share/zoneinfo. Errors: Invalid.
Result<std::string> parse_timezone(std::string_view text);
// Whether one that was parsed is the name of a zone.
bool names_zone(std::string_view timezone);

// "auto", "off", "delete"; "copy-", "replace-" or "bind-" with "host", "static", "uplink" or "stub"; "copy" is copy-host.
// Errors: Invalid.
Result<ResolvConf> parse_resolv_conf(std::string_view text);
std::string describe_resolv_conf(const ResolvConf& resolv_conf);

}  // namespace holm::machine
