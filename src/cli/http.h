// One request of HTTP/1 and the answer to it, for `metrics --http`. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace holm::cli {

inline constexpr size_t max_http_request = 8192;  // bytes of its head

// Whether the head of a request has come to its end, an empty line.
bool is_whole_request(std::string_view bytes);

enum class HttpStatus {
    Ok = 200,
    BadRequest = 400,
    NotFound = 404,
    NotAllowed = 405,
    Timeout = 408,
    TooLarge = 431,
    Unavailable = 503,
};

struct HttpVerdict {
    HttpStatus status = HttpStatus::BadRequest;
    bool wants_body = true;  // false: HEAD
    bool operator==(const HttpVerdict&) const = default;
};

// GET and HEAD of /metrics and of /. A body behind the head is nobody's.
HttpVerdict judge_request(std::string_view head);

// With `body` for Ok, and a line that says what is wrong for all else.
std::string describe_answer(const HttpVerdict& verdict, std::string_view body);

}  // namespace holm::cli
