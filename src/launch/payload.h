// The payload's side of a plan: which program is PID 1, its arguments, its environment, its end. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "launch/facts.h"
#include "launch/make_plan.h"
#include "launch/plan.h"
#include "machine/spec.h"

namespace holm::launch {

inline constexpr const char* default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
inline constexpr const char* notify_path = "/run/host/notify";
inline constexpr const char* credentials_path = "/run/host/credentials";

// PATH of the payload: the definition's, or the default.
std::string payload_path(const machine::PayloadSpec& payload);

// What kind of init a file is: by its name after all links (and /etc/inittab, which tells sysvinit from an unknown "init").
InitKind classify_init(std::string_view path, bool has_inittab);
std::string_view describe_init(InitKind kind);

// The signal that makes PID 1 of that kind shut its machine down.
int stop_signal_of(InitKind kind);

// "6ba7b810-9dad-11d1-80b4-00c04fd430c8" of 32 hex digits: container_uuid has the dashed form (systemd's CONTAINER_INTERFACE).
std::string dashed_uuid(std::string_view uuid);

// Errors: NotFound (no init), NoCommand, NotExecutable.
Result<Payload> plan_payload(const machine::Spec& spec, const Facts& facts, const Request& request, const std::string& uuid);

}  // namespace holm::launch
