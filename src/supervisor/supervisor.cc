#include "supervisor/supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "api/names.h"
#include "base/text.h"
#include "kernel/process.h"
#include "machine/grammar.h"
#include "rootfs/remove.h"

namespace holm::supervisor {

namespace {

constexpr auto journal_interval = std::chrono::milliseconds(3);
constexpr unsigned max_journal_rounds = 100;
constexpr auto for_ever = std::chrono::hours(24 * 3650);
constexpr auto last_word_timeout = std::chrono::seconds(10);
constexpr auto status_interval = std::chrono::seconds(1);  // between two words of the guest to the host's systemd

// Says to holmd that there is a control socket to ask. Where no holmd is, it will look by itself.
void call_holmd(const machine::MachineName& name)
{
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    strncpy(address.sun_path, api::notify_socket, sizeof address.sun_path - 1);
    std::string text = name.text() + "\n";
    Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (socket) ::sendto(socket.get(), text.data(), text.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

Microseconds monotonic_time()
{
    return std::chrono::duration_cast<Microseconds>(std::chrono::steady_clock::now().time_since_epoch());
}

Result<> empty_folder(const std::string& path)
{
    Fd folder = TRY(open_file(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    return rootfs::empty_folder(folder.get());
}

}  // namespace

Supervisor::Supervisor(kernel::EventLoop& loop, Options options, Manager manager)
    : loop_(loop),
      options_(std::move(options)),
      manager_(std::move(manager)),
      journal_(options_.machine.text()),
      console_(loop, journal_, options_.mode == Mode::ByHand ? STDOUT_FILENO : -1,
               {.on_signal = [this](int signal) { signal_payload(signal); },
                .on_key = [this](int signal, int group) { press(signal, group); },
                .on_stop = [this] { stop(); },
                .on_flushed = [this] { check_end(); }}),
      payload_(loop, journal_, console_,
               {.post = [this](Event event) { post(std::move(event)); },
                .on_warning = [this](const std::string& text) { warn(text); },
                .on_status = [this](std::string text) { tell_guest_status(std::move(text)); },
                .execs_over = [this] { return execs_.over(); }}),
      execs_(loop, payload_.cgroup(),
             [this] {
                 payload_.check_gone();
                 check_end();
             }),
      checks_(loop, {.exec = [this](kernel::Message request) { return exec(std::move(request)); },
                     .leader = [this] { return state_.leader; },
                     .paused = [this] { return state_.frozen; },
                     .post = [this](Event event) { post(std::move(event)); }}),
      control_(loop, {.on_request = [this](Control::Origin origin, kernel::Message request,
                                           Control::Reply reply) { on_request(origin, std::move(request), std::move(reply)); },
                      .on_channel_end = [this] { on_channel_end(); },
                      .state = [this] { return state_message(); },
                      .on_drained = [this] { check_end(); }}),
      deadline_(loop, [this] { post(DeadlinePassed{}); }),
      guest_status_timer_(loop,
                          [this] {
                              if (!guest_status_.empty()) tell_guest_status(std::exchange(guest_status_, {}));
                          }),
      end_deadline_(loop, [this] { over_ = true; }),
      journal_timer_(loop, [this] { leave(); })
{
}

Result<int> Supervisor::run(Fd signals)
{
    signals_ = std::move(signals);
    signals_watch_ = TRY(loop_.watch(signals_.get(), EPOLLIN, [this](uint32_t) {
        for (const kernel::ReceivedSignal& received : kernel::receive_signals(signals_.get())) on_signal(received);
    }));
    TRY(begin());
    for (settle(); !over_; settle()) TRY(loop_.dispatch());
    return exit_code(state_.outcome);
}

// What comes before the first boot, by the way in which this process was started.
Result<> Supervisor::begin()
{
    switch (options_.mode) {
    case Mode::Scope: TRY(control_.take_channel(Fd(options_.channel))); break;
    case Mode::Service:
        journal_.open(Journal::OwnWords::StandardError);
        manager_.tell_status("Asking holmd for the plan");
        manager_.extend_timeout(prepare_timeout);
        prepare_ = std::make_unique<Prepare>(loop_, [this](Result<> result) {
            prepare_.reset();
            if (result) plan_ready();
            else post(Refused{std::move(result.error())});
        });
        TRY(prepare_->start(options_.prepare, options_.machine.text()));
        break;
    case Mode::ByHand:
        for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) standard_.push_back(TRY(duplicate(fd)));
        plan_ready();
        return {};
    }
    payload_.prepare(options_.setup);
    return {};
}

// The unit is there, and so is the plan.
void Supervisor::plan_ready()
{
    Result<> opened = make_folders(api::runtime_path(options_.machine), 0700);
    if (opened) opened = control_.listen(api::control_path(options_.machine));
    if (opened) opened = payload_.open();
    if (!opened) return post(Refused{opened.error()});
    ::unlink(api::result_path(options_.machine).c_str());
    call_holmd(options_.machine);
    post(PlanReady{});
}

void Supervisor::on_channel_end()
{
    if (state_.phase == Phase::Waiting) over_ = true;  // there will never be a scope; nothing was made
}

// SIGHUP, SIGUSR1, SIGPIPE and all the others are read and mean nothing.
void Supervisor::on_signal(const kernel::ReceivedSignal& received)
{
    // A scope's orderly stop: its KillSignal, which resumes stopped processes and does nothing else, sent by systemd.
    const bool of_scope = received.number == SIGCONT && options_.mode == Mode::Scope && received.sender == 1;
    if (received.number == SIGTERM || received.number == SIGINT || of_scope) stop();
}

void Supervisor::settle()
{
    settle_events();
    payload_.settle_freezes();
    if (!early_requests_.empty() && !is_executing())
        for (Request& early : std::exchange(early_requests_, {}))
            on_request(early.origin, std::move(early.message), std::move(early.reply));
    checks_.follow(wanted_checks(state_), state_.boots, state_.facts);
}

void Supervisor::settle_events()
{
    while (!events_.empty()) {
        Event event = std::move(events_.front());
        events_.pop_front();
        const Microseconds now = monotonic_time();
        const std::vector<Action> actions = step(state_, event, now);
        if (std::holds_alternative<LeaderKnown>(event)) moments_.leader = now;
        if (std::holds_alternative<PayloadStarted>(event)) moments_.started = now;
        if (state_.ready && moments_.ready == Microseconds(0)) moments_.ready = now;
        for (Action action : actions) carry_out(action);
    }
}

// Whether the payload is at work before we know it: whoever sees what it does may ask something of it.
bool Supervisor::is_executing()
{
    const bool executing = payload_.is_executing();
    settle_events();
    return executing;
}

void Supervisor::carry_out(Action action)
{
    switch (action) {
    case Action::Boot: return boot();
    case Action::ArmDeadline: return arm_deadline();
    case Action::DisarmDeadline: return deadline_.disarm();
    case Action::SendStopSignal: return payload_.stop(state_.facts.stop_signal);
    case Action::SendRebootSignal: return payload_.stop(reboot_signal(state_.facts));
    case Action::Thaw: return payload_.freeze(kernel::Freeze::Thawed, [](const Result<>&) {});
    case Action::KillPayload: return payload_.kill();
    case Action::TellReady: return tell_ready();
    case Action::TellStarted: return tell_started();
    case Action::TellHealth: return tell_health();
    case Action::TellHeld: return tell_held();
    case Action::GoOn: return payload_.go_on();
    case Action::TellRest: return tell_rest();
    case Action::TellStopping: return manager_.tell("STOPPING=1\nSTATUS=Stopping");
    case Action::Publish: return control_.publish();
    case Action::End: return end();
    }
}

void Supervisor::arm_deadline()
{
    std::optional<Microseconds> duration = deadline(state_);
    manager_.extend_timeout(duration.value_or(for_ever));
    if (!duration) return deadline_.disarm();
    if (auto armed = deadline_.arm(*duration); !armed) warn(armed.error().text);
}

void Supervisor::boot()
{
    moments_ = {.booting = monotonic_time(), .ready = moments_.ready};
    manager_.tell_status(state_.boots == 1 ? "Starting" : fmt::format("Starting again (boot {})", state_.boots));
    auto begun = payload_.boot({.setup = options_.setup, .plan = options_.plan, .boots = state_.boots, .standard = take_standard()});
    if (!begun) post(BootFailed{begun.error()});
}

// A client's descriptors are given away at the first boot, and none is kept: their end is the end of the payload's use of them.
std::vector<Fd> Supervisor::take_standard()
{
    std::vector<Fd> standard = std::exchange(standard_, {});
    on_descriptors_ = on_descriptors_ || !standard.empty();
    if (!on_descriptors_ || !standard.empty()) return standard;
    for (int i = 0; i < 3; ++i)
        if (auto null = open_file("/dev/null", O_RDWR)) standard.push_back(std::move(*null));
    return standard;
}

void Supervisor::tell_started()
{
    console_.tell(kernel::Message("started"));
    for (int signal : std::exchange(early_signals_, {})) std::ignore = payload_.signal_leader(signal);
}

void Supervisor::tell_ready()
{
    manager_.tell(fmt::format("READY=1\nSTATUS=Running{}", state_.boots > 1 ? fmt::format(" (boot {})", state_.boots) : ""));
    console_.tell(kernel::Message("ready"));
}

void Supervisor::tell_health()
{
    if (state_.health == Health::Unhealthy) {
        warn("the machine is unhealthy: " + state_.unhealthy);
        manager_.tell_status("Unhealthy: " + state_.unhealthy);
    } else {
        journal_.log(LogLevel::Info, "the machine is healthy");
        manager_.tell_status("Running, healthy");
    }
}

void Supervisor::tell_held()
{
    manager_.extend_timeout(for_ever);
    const std::string why = state_.held_why.empty() ? "" : ", which has failed: " + state_.held_why;
    manager_.tell_status(fmt::format("Held at step '{}'{}", state_.held, why));
    journal_.log(LogLevel::Info, fmt::format("the start is held at step '{}'{}", state_.held, why));
}

void Supervisor::tell_rest()
{
    const std::string delay = machine::describe_duration(deadline(state_).value_or(Microseconds(0)));
    warn(fmt::format("the machine ended: {}; it is started again in {}", state_.restarted_after, delay));
    manager_.tell_status(fmt::format("Starting again in {}: {}", delay, state_.restarted_after));
}

void Supervisor::warn(const std::string& text)
{
    // Before "go" this process is not in its unit: journald would remember it for another's.
    if (options_.mode != Mode::Scope || state_.phase != Phase::Waiting) journal_.log(LogLevel::Warning, text);
    control_.warn(text);
}

// The guest may talk as fast as it likes; the host's systemd hears it once a second.
void Supervisor::tell_guest_status(std::string text)
{
    if (guest_status_timer_.armed()) {
        guest_status_ = std::move(text);
        return;
    }
    manager_.tell_status(fmt::format("{}: {}", describe_phase(state_), text));
    std::ignore = guest_status_timer_.arm(status_interval);
}

void Supervisor::end()
{
    prepare_.reset();
    if (state_.facts.empty.empty()) return tell_end();
    // In a process of its own: a large tree takes time, and whoever asks meanwhile gets an answer.
    auto process = kernel::clone_process(0);
    if (process && process->pid == 0) {
        auto emptied = empty_folder(state_.facts.empty);
        if (!emptied) journal_.log(LogLevel::Error, fmt::format("cannot empty '{}': {}", state_.facts.empty, emptied.error().text));
        ::_exit(emptied ? 0 : 1);
    }
    manager_.extend_timeout(std::chrono::minutes(5));
    Result<> watched = process ? Result<>() : process.error();
    if (process) {
        cleaner_ = std::make_unique<Child>(std::move(*process));
        watched = cleaner_->watch(loop_, [this](WaitStatus) { tell_end(); });
    }
    if (watched) return;
    warn(fmt::format("cannot empty '{}': {}", state_.facts.empty, watched.error().text));
    tell_end();
}

// The last words: the file, the clients, holmd, systemd.
void Supervisor::tell_end()
{
    std::string_view sentence = why(state_.outcome);
    if (!sentence.empty()) journal_.log(LogLevel::Error, sentence);
    std::string result = describe_result(state_.outcome, state_.boots, payload_.refusals());
    if (std::string unit = find_failed_unit(console_.last_output()); !unit.empty()) result += fmt::format("guest_unit={}\n", unit);
    for (const std::string& line : last_lines(console_.last_output(8 << 10), 20)) result += fmt::format("console={}\n", line);
    // Where there is no folder holmd has refused the start, and has let go of the machine.
    auto written = replace_file(api::result_path(options_.machine), result);
    if (!written && written.error().code != Errc::NotFound) warn(written.error().text);
    manager_.tell_status(sentence.empty() ? fmt::format("Ended: {}", describe_kind(state_.outcome.kind)) : std::string(sentence));
    payload_.release_locks();
    told_end_ = true;
    console_.end(last_word());
    control_.publish();
    control_.close_socket();
    if (!end_deadline_.arm(last_word_timeout)) over_ = true;
    check_end();
}

void Supervisor::check_end()
{
    if (told_end_ && !console_.has_sessions() && !execs_.has_sessions() && !control_.waiting()) leave();
}

// What journald has not read yet would belong to no unit once this process is gone. One round more, as it looks after it has read.
void Supervisor::leave()
{
    if (journal_timer_.armed()) return;
    bool read = std::exchange(journal_read_, journal_.taken()) || !journal_.spoke();
    if (read || ++journal_rounds_ > max_journal_rounds || !journal_timer_.arm(journal_interval)) over_ = true;
}

}  // namespace holm::supervisor
