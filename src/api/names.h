// Every name that holm shows to the outside: bus, objects, units, folders. Pure.
#pragma once

#include <string>
#include <string_view>

#include "machine/name.h"

namespace holm::api {

inline constexpr const char* bus_name = "org.holm1";
inline constexpr const char* root_path = "/org/holm1";
inline constexpr const char* manager_interface = "org.holm1.Manager";
inline constexpr const char* machine_interface = "org.holm1.Machine";
inline constexpr const char* job_interface = "org.holm1.Job";
inline constexpr const char* machines_path = "/org/holm1/machine";
inline constexpr const char* image_interface = "org.holm1.Image";
inline constexpr const char* images_path = "/org/holm1/image";
inline constexpr const char* jobs_path = "/org/holm1/job";

inline constexpr const char* runtime_folder = "/run/holm";                    // gone at a reboot of the host
inline constexpr const char* runtime_machines_folder = "/run/holm/machines";  // NAME/{plan.toml,control,result}
inline constexpr const char* runtime_networks_folder = "/run/holm/networks";  // NAME/{segment.toml,dnsmasq.conf,hosts,dhcp}: up
inline constexpr const char* runtime_links_folder = "/run/holm/links";        // NAME/…: network/apply_physical.h
inline constexpr const char* locks_folder = "/run/holm/locks";
inline constexpr const char* notify_socket = "/run/holm/notify";  // holmd's: "NAME\n" of a supervisor that has come up
inline constexpr const char* state_folder = "/var/lib/holm";
inline constexpr const char* state_machines_folder = "/var/lib/holm/machines";  // NAME/{identity.toml,record.toml,upper,work}
inline constexpr const char* state_images_folder = "/var/lib/holm/images";      // and beside it layers: image/store.h
inline constexpr const char* state_networks_folder = "/var/lib/holm/networks";  // NAME/{segment.toml,MACHINE@INTERFACE.lease}
inline constexpr const char* etc_folder = "/etc/holm";
inline constexpr const char* vendor_folder = "/usr/lib/holm";
inline constexpr const char* program_folder = "/usr/lib/holm";

std::string scope_name(const machine::MachineName& name);    // "holm-web.scope"
std::string service_name(const machine::MachineName& name);  // "holm@web.service"
std::string network_service_name(std::string_view network);  // "holm-network@lan.service"
// The machine's name in a unit's name of either form. Errors: NotFound.
Result<machine::MachineName> machine_of_unit(std::string_view unit);

std::string runtime_path(const machine::MachineName& name);  // "/run/holm/machines/web"
std::string plan_path(const machine::MachineName& name);     // + "/plan.toml"
std::string control_path(const machine::MachineName& name);  // + "/control"
std::string links_path(const machine::MachineName& name);    // "/run/holm/links/web"
std::string result_path(const machine::MachineName& name);   // + "/result"
std::string state_path(const machine::MachineName& name);    // "/var/lib/holm/machines/web"

}  // namespace holm::api
