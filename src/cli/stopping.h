// Stopping: what a person who waits for an orderly stop is told. Pure.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace holm::cli {

// "waiting for machine 'web' to shut down; it is killed within 88s (stop_timeout), or at once by 'holmctl terminate web'". `left`: until
// what is left of it is killed, machine::infinite where it is not; `limit`: the name of what says so.
std::string describe_stopping(std::string_view machine, std::chrono::microseconds left, std::string_view limit);

}  // namespace holm::cli
