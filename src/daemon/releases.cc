#include "daemon/releases.h"

#include <algorithm>
#include <charconv>
#include <thread>
#include <utility>

#include "base/log.h"
#include "kernel/message.h"

namespace holm::daemon {

namespace {

constexpr size_t most_at_once = 64;  // the first of them waits for the last
constexpr int release_attempts = 5;
constexpr std::chrono::milliseconds release_pause{200};

// What fails for want of memory, descriptors or a disk that answers may go well in a moment, as long as the plan says what there is to
// take back: an error of after that stands. In the child, which may wait.
std::vector<Result<>> release_persistently(std::span<const Ended> machines)
{
    std::vector<Result<>> results = release(machines);
    for (int i = 1; i < release_attempts; ++i) {
        std::vector<size_t> again;
        for (size_t number = 0; number < machines.size(); ++number)
            if (!results[number] && has_plan(machines[number].name)) again.push_back(number);
        if (again.empty()) break;
        std::this_thread::sleep_for(release_pause);
        for (size_t number : again) results[number] = release(machines[number].name, machines[number].keep);
    }
    return results;
}

// The number of each that failed, and why.
kernel::Message describe_results(const std::vector<Result<>>& results)
{
    kernel::Message message("ok");
    for (size_t number = 0; number < results.size(); ++number) {
        if (results[number]) continue;
        message.add("failed", static_cast<int64_t>(number));
        for (auto& [key, value] : kernel::error_message(results[number].error()).fields) message.add(key, value);
    }
    return message;
}

std::vector<Result<>> parse_results(const kernel::Message& message, size_t count)
{
    std::vector<Result<>> results(count);
    kernel::Message why("error");
    size_t failed = count;
    auto take = [&] {
        if (failed < count) results[failed] = kernel::error_of(why);
        why.fields.clear();
    };
    for (auto& [key, value] : message.fields) {
        if (key != "failed") {
            why.add(key, value);
            continue;
        }
        take();
        failed = count;
        std::from_chars(value.data(), value.data() + value.size(), failed);
    }
    take();
    return results;
}

}  // namespace

void Releases::begin(const Ended& machine, Released released)
{
    Waiting waiting{machine, std::move(released)};
    if (machine.keep == Keep::Nothing && has_own_upper(machine.name)) {
        std::vector<Waiting> alone;
        alone.push_back(std::move(waiting));
        return start(std::move(alone));
    }
    waiting_.push_back(std::move(waiting));
    if (quick_ || starting_) return;
    auto starting = loop_.defer([this] { start_next(); });
    if (starting) starting_ = std::move(*starting);
    else start_next();
}

void Releases::start_next()
{
    starting_.reset();
    if (waiting_.empty()) return;
    const auto end = waiting_.begin() + static_cast<ptrdiff_t>(std::min(waiting_.size(), most_at_once));
    std::vector<Waiting> next(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
    waiting_.erase(waiting_.begin(), end);
    start(std::move(next));
    quick_ = &batches_.back();
}

void Releases::start(std::vector<Waiting> machines)
{
    const std::string what = machines.size() == 1 ? fmt::format("removing machine '{}'", machines.front().machine.name.text())
                                                  : fmt::format("removing machine '{}' and {} others", machines.front().machine.name.text(),
                                                                machines.size() - 1);
    std::vector<Ended> ended;
    for (const Waiting& waiting : machines) ended.push_back(waiting.machine);
    auto job = [&ended](const Worker::LookingAt&) -> Result<kernel::Message> { return describe_results(release_persistently(ended)); };
    auto batch = batches_.insert(batches_.end(), Batch{std::move(machines), nullptr});
    batch->worker =
        Worker::start(loop_, what, removal_deadline, job, [this, batch](const Result<kernel::Message>& done) { finish(batch, done); });
}

void Releases::finish(std::list<Batch>::iterator batch, const Result<kernel::Message>& done)
{
    std::list<Batch> finished;
    finished.splice(finished.end(), batches_, batch);
    if (quick_ == &finished.front()) {
        quick_ = nullptr;
        start_next();
    }
    std::vector<Waiting>& machines = finished.front().machines;
    std::vector<Result<>> results = done ? parse_results(*done, machines.size()) : std::vector<Result<>>(machines.size(), done.error());
    for (size_t number = 0; number < machines.size(); ++number) machines[number].released(std::move(results[number]));
}

}  // namespace holm::daemon
