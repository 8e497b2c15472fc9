// metrics: what machines use of the host, for a monitoring system; with --http as the answer to a request on standard input.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

#include "cli/exit_status.h"
#include "cli/http.h"
#include "cli/output.h"
#include "cli/sampling.h"
#include "cli/verbs/verbs.h"

namespace holm::cli::verbs {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto request_time = std::chrono::seconds(5);
constexpr auto farewell_time = std::chrono::seconds(2);

// What is there before `deadline`, at most `size` bytes; "" at the end of the input, or when the time is over.
std::string read_some(size_t size, Clock::time_point deadline)
{
    std::array<char, 4096> bytes{};
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
        if (left.count() <= 0) return {};
        pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
        const int ready = ::poll(&input, 1, static_cast<int>(left.count()));
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return {};
        const ssize_t got = ::read(STDIN_FILENO, bytes.data(), std::min(size, bytes.size()));
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        return got <= 0 ? std::string() : std::string(bytes.data(), static_cast<size_t>(got));
    }
}

HttpVerdict read_request()
{
    const auto deadline = Clock::now() + request_time;
    std::string request;
    while (!is_whole_request(request)) {
        if (request.size() >= max_http_request) return {HttpStatus::TooLarge};
        const std::string more = read_some(max_http_request - request.size(), deadline);
        if (more.empty()) return {Clock::now() < deadline ? HttpStatus::BadRequest : HttpStatus::Timeout};
        request += more;
        if (request.contains('\n') && judge_request(request).status == HttpStatus::BadRequest) break;
    }
    return judge_request(request);
}

// Of a socket that is closed with bytes unread the kernel takes back what was written to it: the client goes first.
void see_off()
{
    if (::shutdown(STDOUT_FILENO, SHUT_WR) < 0) return;
    const auto deadline = Clock::now() + farewell_time;
    while (!read_some(SIZE_MAX, deadline).empty()) {}
}

Result<> answer(const HttpVerdict& verdict, std::string_view body)
{
    TRY(print(describe_answer(verdict, body)));
    see_off();
    return {};
}

Result<std::string> sample(const Invocation& call)
{
    Client client = TRY(connect(call));
    return describe_metrics(TRY(take_samples(client, Which::All, call.operands)));
}

}  // namespace

Result<int> metrics(const Invocation& call)
{
    if (!call.has("--http")) {
        const std::string text = TRY(sample(call));
        TRY(print(text));
        return exit_done;
    }
    const HttpVerdict verdict = read_request();
    if (verdict.status != HttpStatus::Ok) {
        TRY(answer(verdict, ""));
        return exit_done;
    }
    auto text = sample(call);
    if (!text) {
        TRY(answer({HttpStatus::Unavailable, verdict.wants_body}, ""));
        return text.error();
    }
    TRY(answer(verdict, *text));
    return exit_done;
}

}  // namespace holm::cli::verbs
