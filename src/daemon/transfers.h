// Transfers: files into and out of machines that run, each in a child of holmd that ends with its caller. Effects: processes that read
// and write.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "daemon/machine_entry.h"
#include "daemon/worker.h"
#include "transfer/tree_writer.h"

namespace holm::daemon {

inline constexpr Deadline transfer_deadline{std::chrono::seconds(60), Deadline::From::LastWord};
inline constexpr Deadline stream_deadline{std::chrono::hours(1), Deadline::From::LastWord};  // the caller reads or writes as he likes

// One side of a copy. `machine` wins over `stream`; neither: the host.
struct TransferEnd {
    const MachineEntry* machine = nullptr;
    Fd stream;         // of a tar
    std::string path;  // absolute; of a stream unused
};

struct Transfer {
    TransferEnd from, to;
    transfer::Existing existing = transfer::Existing::Refuse;
};

// What was left out, as a sentence; "": nothing.
using Transferred = std::move_only_function<void(Result<std::string>)>;

std::unique_ptr<Worker> start_transfer(systemd::Loop& loop, Transfer transfer, Transferred done);

}  // namespace holm::daemon
