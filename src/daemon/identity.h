// The identity of a machine: a uuid and a range of user ids that overlaps nobody's. Kept in /var/lib/holm/machines/NAME/identity.toml.
// Reads and writes; outside. May block on user databases (nss).
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "launch/facts.h"
#include "launch/range.h"
#include "machine/name.h"
#include "machine/spec.h"

namespace holm::daemon {

// Held while ranges are compared and drawn: /run/holm/ranges.lock, an exclusive lock, waited for.
Result<Fd> lock_ranges();

struct IdentityRequest {
    machine::MachineName name;
    machine::Users users;
    launch::RangePool pool;
    std::string uuid = {};  // of a new one; "": drawn
};

// The identity that the machine has, its range changed where the definition says so or another machine has it, or a new one.
// Nothing is written. Errors: Busy (overlap, names the holder; the pool is used up), Invalid.
Result<launch::Identity> choose_identity(const IdentityRequest& request);

// The identity that is kept; none where there is no file. Errors: Invalid, when the file is no identity.
Result<std::optional<launch::Identity>> read_identity(const machine::MachineName& name);

// Of a machine that is gone: what is remembered of its file.
void forget_identity(const machine::MachineName& name);

// Errors: those of writing; the folder is made where missing, for root alone.
Result<> write_identity(const machine::MachineName& name, const launch::Identity& identity, Durable durable = Durable::Yes);

// 32 hex digits of a random uuid (RFC 9562, version 4).
Result<std::string> draw_uuid();

}  // namespace holm::daemon
