#include "supervisor/prepare.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>

#include "base/text.h"
#include "machine/grammar.h"
#include "supervisor/spawn.h"

namespace holm::supervisor {

namespace {
constexpr size_t max_text = 4096;
}

Prepare::Prepare(kernel::EventLoop& loop, std::function<void(Result<>)> on_done)
    : loop_(loop), on_done_(std::move(on_done)), deadline_(loop, [this] {
          late_ = true;
          if (child_) std::ignore = child_->signal(SIGKILL);
      })
{
}

Prepare::~Prepare()
{
    if (child_) std::ignore = child_->signal(SIGKILL);
}

Result<> Prepare::start(const std::string& program, const std::string& machine)
{
    Pair pipe = TRY(make_pipe());
    if (::fcntl(pipe.first.get(), F_SETFL, O_NONBLOCK)) return sys_error("cannot use a pipe");
    errors_ = std::move(pipe.first);
    errors_watch_ = TRY(loop_.watch(errors_.get(), EPOLLIN, [this](uint32_t) { read_errors(); }));
    kernel::Child process = TRY(spawn({.path = program, .arguments = {machine}, .error_output = pipe.second.get()}));
    child_ = std::make_unique<Child>(std::move(process));
    TRY(deadline_.arm(prepare_timeout));
    return child_->watch(loop_, [this](WaitStatus status) { on_exit(status); });
}

void Prepare::read_errors()
{
    std::array<char, 1024> buffer;
    ssize_t size = ::read(errors_.get(), buffer.data(), buffer.size());
    if (size > 0) {
        text_.append(buffer.data(), static_cast<size_t>(size)).resize(std::min(text_.size(), max_text));
    } else if (size == 0 || errno != EAGAIN) {
        errors_watch_.reset();
        errors_.reset();
    }
}

void Prepare::on_exit(WaitStatus status)
{
    child_.reset();
    while (errors_ && text_.size() < max_text) {  // what it wrote last
        size_t before = text_.size();
        read_errors();
        if (text_.size() == before) break;
    }
    Result<> result;
    if (late_) result = error(Errc::Timeout, "holmd did not prepare the machine within {}", machine::describe_duration(prepare_timeout));
    else if (status != WaitStatus{}) {
        std::string_view sentence = trim(text_);
        if (sentence.empty()) result = error(Errc::Failed, "holm-prepare ended without a word: {}", describe_status(status));
        else result = error(Errc::Failed, "{}", printable(sentence, max_text));
    }
    auto on_done = std::move(on_done_);
    on_done(std::move(result));
}

}  // namespace holm::supervisor
