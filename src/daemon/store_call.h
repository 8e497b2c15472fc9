// A call of holm-store from a child of holmd, which waits for its answer. The call ends with that child. Effects: makes a process.
#pragma once

#include <functional>
#include <string_view>

#include "base/error.h"
#include "kernel/message.h"

namespace holm::daemon {

// `looking_at`: told that it goes on, with what is asked for.
Result<kernel::Message> call_store(const kernel::Message& request, const std::function<void(std::string_view)>& looking_at);

}  // namespace holm::daemon
