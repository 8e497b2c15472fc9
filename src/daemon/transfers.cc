#include "daemon/transfers.h"

#include <csignal>

#include "daemon/inside.h"
#include "transfer/copy.h"

namespace holm::daemon {

namespace {

// What the child needs of an end: no pointer into holmd, whose machines may change before it looks.
struct Side {
    transfer::End end;
    std::optional<Leader> leader;
};

Side side_of(const TransferEnd& end)
{
    Side side;
    side.end.path = end.path;
    if (end.machine) {
        side.end.kind = transfer::End::Kind::Machine;
        side.end.what = fmt::format("machine '{}'", end.machine->name.text());
        side.end.range = end.machine->plan ? end.machine->plan->rootfs.ids : machine::IdRange{.mapping = machine::IdMapping::Host};
        side.leader = leader_of(*end.machine);
    } else if (end.stream) {
        side.end.kind = transfer::End::Kind::Tar;
        side.end.fd = end.stream.get();
    }
    if (!end.machine) side.end.range.mapping = machine::IdMapping::Host;
    return side;
}

Result<Fd> open_root(Side& side)
{
    if (!side.leader) return Fd();
    Fd root = TRY(side.leader->open_root(), side.end.what);
    side.end.fd = root.get();
    return root;
}

Result<kernel::Message> carry_out(Side from, Side to, transfer::Existing existing, const Worker::LookingAt& looking_at)
{
    ::signal(SIGPIPE, SIG_IGN);  // a reader of the stream that is gone is an error with a sentence
    Fd from_root = TRY(open_root(from));
    Fd to_root = TRY(open_root(to));
    auto skipped = TRY(transfer::copy({.from = from.end, .to = to.end, .existing = existing, .looking_at = looking_at}));
    return std::move(kernel::Message("ok").add("skipped", transfer::describe_skipped(skipped)));
}

}  // namespace

std::unique_ptr<Worker> start_transfer(systemd::Loop& loop, Transfer transfer, Transferred done)
{
    const MachineEntry* machine = transfer.to.machine ? transfer.to.machine : transfer.from.machine;
    const std::string what = fmt::format("copying {} machine '{}'", transfer.to.machine ? "to" : "from", machine->name.text());
    auto job = [from = side_of(transfer.from), to = side_of(transfer.to),
                existing = transfer.existing](const Worker::LookingAt& looking_at) { return carry_out(from, to, existing, looking_at); };
    std::vector<int> keep;
    for (const TransferEnd* end : {&transfer.from, &transfer.to})
        if (end->stream) keep.push_back(end->stream.get());
    auto finished = [done = std::move(done)](Result<kernel::Message> answer) mutable {
        if (!answer) return done(answer.error());
        done(std::string(answer->get("skipped")));
    };
    return Worker::start(loop, what, keep.empty() ? transfer_deadline : stream_deadline, job, std::move(finished), keep);
}

}  // namespace holm::daemon
