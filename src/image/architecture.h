// The architecture of this host, in OCI's words. Reads.
#pragma once

#include <string>

namespace holm::image {

// "amd64"; what uname(2) says of one that OCI has no other word for.
std::string own_architecture();

}  // namespace holm::image
