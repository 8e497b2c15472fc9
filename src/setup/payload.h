// Payload: from a process that is inside, with all privileges of the machine's root, to the program that was asked for. Effects; inside.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "kernel/users.h"
#include "security/filter_file.h"
#include "security/plan.h"
#include "setup/console.h"
#include "setup/status.h"

namespace holm::setup {

using Environment = std::vector<std::pair<std::string, std::string>>;

// Sets a variable, in the place of one of the same name.
void set_variable(Environment& environment, const std::string& name, const std::string& value);
// HOME, USER and LOGNAME of the user, where they are not set.
void complete_environment(Environment& environment, const kernel::User& user);

enum class Init {
    None,  // the program is what this process becomes
    Stub,  // this process reaps and forwards signals, the program is its child
};

struct Launch {
    const security::Plan& security;
    const security::FilterPrograms& filter;
    kernel::User user;
    std::vector<std::string> argv;
    std::string program;            // to execute in the place of argv[0]; "": argv[0]
    Environment environment;        // the whole of it
    std::string working_directory;  // absolute, inside
    Streams streams;
    Init init = Init::None;
};

// The folder, with those above it, made in the machine's root where it is missing, as its root's and 0755. What only its user may reach is
// left to be entered as that.
Result<> make_working_directory(int root, const std::string& path);
// The program that launch_payload would execute, found as its user by a process that ends with the answer. Errors: NoCommand,
// NotExecutable.
Result<std::string> look_for_program(const Launch& launch);
// Before what becomes the payload, or stands for it, is told of: after the last change of credentials.
Result<> die_with_supervisor();
// The bytes of a program's arguments or environment for execve(2).
std::vector<char*> pointers_of(const std::vector<std::string>& strings);
std::vector<std::string> variables_of(const Environment& environment);

// Gives up privileges, finds the program as the user would, says "started" and executes it. Returns only on failure. Errors: NoCommand,
// NotExecutable.
Result<> launch_payload(Launch launch, Status& status);

}  // namespace holm::setup
