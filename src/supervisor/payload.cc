#include "supervisor/payload.h"

#include <signal.h>
#include <unistd.h>

#include <utility>

#include "kernel/lock_file.h"
#include "supervisor/signal_masks.h"

namespace holm::supervisor {

namespace {

constexpr auto look_interval = std::chrono::milliseconds(3);
constexpr auto handler_interval = std::chrono::milliseconds(50);
constexpr unsigned enough_looks = 16;   // at a leader that sleeps: it waits for the signal
constexpr unsigned enough_sleeps = 10;  // 0.5 s of one that has no handler
constexpr unsigned most_looks = 330;    // 1 s of them at one that works: one that forks has all blocked meanwhile, on a busy host mostly
constexpr size_t max_pending_signals = 64;
constexpr size_t max_locks = 128;  // a layer each, the upper and the id range are less
constexpr auto freeze_timeout = std::chrono::seconds(5);

Result<std::string> read_status(pid_t pid)
{
    return read_regular_file(fmt::format("/proc/{}/status", pid));
}

Result<SignalMasks> observe_signal_masks(pid_t pid)
{
    return parse_signal_masks(TRY(read_status(pid)));
}

}  // namespace

Payload::Payload(kernel::EventLoop& loop, Journal& journal, Console& console, Handlers handlers)
    : loop_(loop),
      journal_(journal),
      console_(console),
      handlers_(std::move(handlers)),
      look_again_(loop, [this] { look_again(); }),
      freeze_deadline_(
          loop, [this] { answer_freezes(error(Errc::Timeout, "not all processes of the machine could be frozen or thawed within 5s")); })
{
}

// Nothing of the unit stays behind its supervisor.
Payload::~Payload()
{
    if (!waiting_) return;
    std::ignore = kernel::signal_process(waiting_->process.pidfd.get(), SIGKILL);
    std::ignore = kernel::wait_exit(waiting_->process.pidfd.get());
}

void Payload::prepare(const std::string& setup)
{
    if (auto spawned = SetupRun::spawn({.path = setup, .arguments = {}})) waiting_ = std::move(*spawned);
}

Result<> Payload::open()
{
    TRY(cgroup_.open(waiting_ ? waiting_->process.pid : 0));
    if (!cgroup_.warning().empty()) handlers_.on_warning(cgroup_.warning());
    return {};
}

Result<> Payload::boot(BootOrder order)
{
    killed_ = false;
    exit_.reset();
    TRY(cgroup_.make_payload());
    TRY(cgroup_events_.watch(loop_, cgroup_.payload(), [this] { on_cgroup_change(); }));
    memory_kills_ = cgroup_.out_of_memory_kills();
    tasks_refused_ = 0;
    kernel::Message message("boot");
    message.add("plan", order.plan).add("boots", static_cast<int64_t>(order.boots)).add("locked", int64_t{!locks_.empty()});
    message.add("memory", int64_t{static_cast<bool>(memory_)});
    message.fds.push_back(TRY(duplicate(cgroup_.payload())));
    if (memory_) message.fds.push_back(std::move(memory_));  // holm-setup gives it back
    for (Fd& fd : order.standard) message.fds.push_back(std::move(fd));
    if (!waiting_) waiting_ = TRY(SetupRun::spawn({.path = order.setup, .arguments = {}}));
    setup_ = std::make_unique<SetupRun>(loop_, setup_handlers());
    auto started = setup_->start(std::move(*std::exchange(waiting_, std::nullopt)), std::move(message));
    if (!started) setup_.reset();
    return started;
}

SetupRun::Handlers Payload::setup_handlers()
{
    return {
        .on_facts =
            [this](Facts facts) {
                if (!facts.terminal) console_.expect_none();
                boots_init_ = facts.boot;
                is_systemd_ = facts.init == "systemd";
                is_sandbox_ = facts.init == "sandbox";
                handlers_.post(FactsKnown{std::move(facts)});
            },
        .on_lock =
            [this](std::string path, Fd file) {
                if (locks_.size() < max_locks) locks_.push_back({std::move(path), std::move(file)});
            },
        .on_notify = [this](Fd socket) { on_notify_socket(std::move(socket)); },
        .on_memory = [this](Fd memory) { memory_ = std::move(memory); },
        .on_leader = [this](pid_t pid, Fd pidfd) { on_leader(pid, std::move(pidfd)); },
        .on_terminal =
            [this](Fd master) {
                if (auto set = console_.set_master(std::move(master)); !set) handlers_.on_warning(set.error().text);
            },
        .on_held = [this](std::string step, std::string why) { handlers_.post(HeldAt{std::move(step), std::move(why)}); },
        .on_warning = handlers_.on_warning,
        .on_done = [this](Result<> result) { on_setup_done(std::move(result)); },
    };
}

bool Payload::is_executing()
{
    while (setup_ && setup_->take_in()) {}
    return setup_ && setup_->is_executing();
}

void Payload::go_on()
{
    if (setup_) setup_->go_on();
}

void Payload::release_locks()
{
    for (const Lock& lock : std::exchange(locks_, {})) kernel::remove_lock_file(lock.path, lock.file.get());
}

void Payload::on_leader(pid_t pid, Fd pidfd)
{
    leader_ = std::make_unique<Child>(pid, std::move(pidfd));
    auto watched = leader_->watch(loop_, [this](WaitStatus status) { on_leader_exit(status); });
    if (notify_ && watched) watched = notify_->listen_to(pid);
    if (!watched) handlers_.post(BootFailed{watched.error()});
    handlers_.post(LeaderKnown{pid});
}

void Payload::on_notify_socket(Fd socket)
{
    notify_ = std::make_unique<GuestNotify>(loop_, std::move(socket), [this](NotifyText text) {
        if (text.ready) handlers_.post(PayloadReady{});
        if (text.status) handlers_.on_status(std::move(*text.status));
    });
    if (!leader_) return;
    if (auto listening = notify_->listen_to(leader_->pid()); !listening) handlers_.post(BootFailed{listening.error()});
}

void Payload::on_setup_done(Result<> result)
{
    const std::string step = setup_->failed_step();
    setup_.reset();
    if (result) handlers_.post(PayloadStarted{});
    else handlers_.post(BootFailed{std::move(result.error()), step});
    if (exit_) post_leader_exit(*std::exchange(exit_, {}));
    check_gone();
}

void Payload::on_leader_exit(WaitStatus status)
{
    leader_.reset();
    pending_signals_.clear();
    // What holm-setup said last may still lie in its socket: whether the payload was ever started, or why not.
    if (setup_) exit_ = status;
    else post_leader_exit(status);
    check_gone();
}

void Payload::post_leader_exit(WaitStatus status)
{
    bool killed = status.signalled && status.value == SIGKILL;
    handlers_.post(LeaderExited{status, killed && cgroup_.out_of_memory_kills() > memory_kills_});
}

Refusals Payload::refusals() const
{
    const uint64_t kills = cgroup_.out_of_memory_kills();
    return {.memory_kills = kills > memory_kills_ ? kills - memory_kills_ : 0, .tasks = tasks_refused_};
}

void Payload::kill()
{
    killed_ = true;
    pending_signals_.clear();
    answer_freezes(error(Errc::Busy, "the machine is ending"));
    if (setup_) setup_->kill();
    if (cgroup_.payload() >= 0)
        if (auto done = cgroup_.signal_payload(SIGKILL); !done) handlers_.on_warning(done.error().text);
    // A leader that has not been moved yet, or an init in a cgroup of somebody else's making: it takes all others of its namespace along.
    if (leader_) std::ignore = leader_->signal(SIGKILL);
    check_gone();
}

void Payload::check_gone()
{
    if (!killed_ || setup_ || leader_ || cgroup_events_.populated() || !handlers_.execs_over()) return;
    killed_ = false;
    notify_.reset();
    cgroup_events_.reset();
    tasks_refused_ = cgroup_.refused_tasks();
    console_.finish();
    reap_strays();
    if (auto removed = cgroup_.remove_payload(); !removed) handlers_.on_warning(removed.error().text);
    handlers_.post(PayloadGone{refusals().memory_kills});
}

void Payload::on_cgroup_change()
{
    handlers_.post(FrozenChanged{cgroup_events_.frozen()});
    check_gone();
}

void Payload::settle_freezes()
{
    if (freezes_.empty()) return;
    const bool frozen = cgroup_events_.frozen();
    auto done = [&](const PendingFreeze& pending) { return (pending.wanted == kernel::Freeze::Frozen) == frozen; };
    std::vector<PendingFreeze> waiting = std::exchange(freezes_, {});
    for (PendingFreeze& pending : waiting) {
        if (done(pending)) pending.on_done({});
        else freezes_.push_back(std::move(pending));
    }
    if (freezes_.empty()) freeze_deadline_.disarm();
}

void Payload::stop(int signal)
{
    if (!freezes_.empty()) {  // nobody is to find it standing still any more
        if (auto thawed = cgroup_.freeze_payload(kernel::Freeze::Thawed); !thawed) handlers_.on_warning(thawed.error().text);
        answer_freezes(error(Errc::Busy, "the machine is stopping"));
    }
    if (leader_) deliver({.number = signal, .insist = boots_init_});
}

Result<> Payload::signal_leader(int signal)
{
    if (!leader_) return error(Errc::Busy, "the machine has no process");
    deliver({.number = signal});
    return {};
}

Result<> Payload::signal_all(int signal)
{
    return is_sandbox_ && signal != SIGKILL ? signal_leader(signal) : cgroup_.signal_payload(signal);
}

void Payload::press(int signal, pid_t group)
{
    if (!leader_ || boots_init_ || ::getpgid(leader_->pid()) != group) return;
    auto masks = observe_signal_masks(leader_->pid());
    if (masks && effective_signal(*masks, signal) != signal) deliver({.number = signal});
}

void Payload::deliver(PendingSignal signal)
{
    const std::string status = read_status(leader_->pid()).value_or("");
    auto masks = parse_signal_masks(status);
    Notice notice = masks ? find_notice(*masks, signal.number) : Notice::Taken;
    int number = signal.number;
    const auto sleep = parse_sleep(status);
    signal.asleep = sleep && sleep == std::exchange(signal.sleep, sleep) ? signal.asleep + 1 : 0;
    if (notice == Notice::Blocked && !is_systemd_ && ++signal.looks < most_looks && signal.asleep < enough_looks)
        return deliver_later(signal);
    // A booted init that is still on its way has no handlers yet, and the kernel would drop the signal. One that sleeps may wait for it in
    // sigtimedwait(2), which does not show: it is sent, and again.
    if (notice == Notice::None && signal.insist) {
        signal.looks = 0;
        const bool waits = signal.asleep >= enough_sleeps;
        if (waits) signal.asleep = 0;
        deliver_later(signal);
        if (!waits) return;
    }
    if (notice == Notice::None && !boots_init_) number = effective_signal(*masks, number);
    if (auto sent = leader_->signal(number); !sent) handlers_.on_warning(sent.error().text);
    else if (number == SIGKILL && signal.number != SIGKILL) handlers_.post(SignalReplaced{signal.number});
}

void Payload::deliver_later(PendingSignal signal)
{
    if (pending_signals_.size() < max_pending_signals) pending_signals_.push_back(signal);
    if (!look_again_.armed()) std::ignore = look_again_.arm(signal.looks > 0 ? look_interval : handler_interval);
}

void Payload::look_again()
{
    for (const PendingSignal& signal : std::exchange(pending_signals_, {})) deliver(signal);
}

void Payload::freeze(kernel::Freeze state, std::function<void(Result<>)> on_done)
{
    if (auto asked = cgroup_.freeze_payload(state); !asked) return on_done(asked);
    if (cgroup_events_.frozen() == (state == kernel::Freeze::Frozen) && freezes_.empty()) return on_done({});
    freezes_.push_back({state, std::move(on_done)});
    if (!freeze_deadline_.armed()) std::ignore = freeze_deadline_.arm(freeze_timeout);
}

void Payload::answer_freezes(const Result<>& result)
{
    freeze_deadline_.disarm();
    for (PendingFreeze& pending : std::exchange(freezes_, {})) pending.on_done(result);
}

}  // namespace holm::supervisor
