// OCI runtime: what a runtime of the Open Container Initiative (runtime-spec 1.0), such as runsc, is told of a machine's payload: its
// config.json, and its command lines. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "launch/plan.h"

namespace holm::launch {

// "process" of config.json, or the process.json of a further command.
struct OciProcess {
    std::vector<std::string> arguments;
    std::vector<std::string> environment;  // "NAME=VALUE"
    std::string working_directory;
    uint32_t uid = 0, gid = 0;
    std::vector<uint32_t> groups;
    bool terminal = false;
};

std::string describe_oci_process(const Plan& plan, const OciProcess& process);
// config.json of a bundle whose root file system is its folder "root". `tmp`: a folder beside it, for /tmp; "": there is none.
std::string describe_oci_config(const Plan& plan, const OciProcess& process, std::string_view tmp);

// Where a runtime finds what is its own, in a root of its own.
inline constexpr const char* oci_config = "config.json";
inline constexpr const char* oci_pid = "pid";  // written once the sandbox is there
inline constexpr const char* oci_log = "log";

// argv of the runtime: `run`, `exec PROCESS.json`, `kill SIGNAL`.
std::vector<std::string> oci_run(const Plan& plan);
std::vector<std::string> oci_exec(const Plan& plan, const std::string& process, const std::string& pid_file);
// `pid`: of a further command, inside; "": the payload.
std::vector<std::string> oci_kill(const Plan& plan, int signal, const std::string& pid);

// The last error that a runtime has written in its log, a JSON object each; "" where there is none.
std::string last_oci_error(std::string_view log);

}  // namespace holm::launch
