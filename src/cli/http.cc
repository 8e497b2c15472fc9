#include "cli/http.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"

namespace holm::cli {

namespace {

bool is_letter(char c)
{
    return c >= 'A' && c <= 'Z';
}

bool is_version(std::string_view text)
{
    return text == "HTTP/1.0" || text == "HTTP/1.1";
}

std::string_view phrase_of(HttpStatus status)
{
    switch (status) {
    case HttpStatus::Ok: return "OK";
    case HttpStatus::BadRequest: return "Bad Request";
    case HttpStatus::NotFound: return "Not Found";
    case HttpStatus::NotAllowed: return "Method Not Allowed";
    case HttpStatus::Timeout: return "Request Timeout";
    case HttpStatus::TooLarge: return "Request Header Fields Too Large";
    case HttpStatus::Unavailable: return "Service Unavailable";
    }
    return {};
}

std::string_view reason_of(HttpStatus status)
{
    switch (status) {
    case HttpStatus::Ok: break;
    case HttpStatus::BadRequest: return "This is no request of HTTP/1: ask for GET /metrics.\n";
    case HttpStatus::NotFound: return "There is nothing here: the metrics are at /metrics.\n";
    case HttpStatus::NotAllowed: return "Metrics are read alone: ask for them with GET or HEAD.\n";
    case HttpStatus::Timeout: return "The request took too long.\n";
    case HttpStatus::TooLarge: return "The request is longer than 8 KiB.\n";
    case HttpStatus::Unavailable: return "holmd does not answer: see 'systemctl status holmd' on the host.\n";
    }
    return {};
}

}  // namespace

bool is_whole_request(std::string_view bytes)
{
    return bytes.contains("\r\n\r\n") || bytes.contains("\n\n");
}

HttpVerdict judge_request(std::string_view head)
{
    std::string_view line = head.substr(0, head.find('\n'));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::vector<std::string_view> words = split(line, ' ');
    const bool printable_line = std::ranges::all_of(line, [](char c) { return c >= ' ' && c < 0x7f; });
    if (words.size() != 3 || !printable_line || words[0].empty() || !std::ranges::all_of(words[0], is_letter) ||
        !words[1].starts_with('/') || !is_version(words[2]))
        return {HttpStatus::BadRequest};
    const std::string_view method = words[0], path = words[1].substr(0, words[1].find('?'));
    const bool wants_body = method != "HEAD";
    if (path != "/metrics" && path != "/") return {HttpStatus::NotFound, wants_body};
    if (method != "GET" && method != "HEAD") return {HttpStatus::NotAllowed};
    return {HttpStatus::Ok, wants_body};
}

std::string describe_answer(const HttpVerdict& verdict, std::string_view body)
{
    const bool good = verdict.status == HttpStatus::Ok;
    const std::string_view content = good ? body : reason_of(verdict.status);
    std::string answer = fmt::format("HTTP/1.1 {} {}\r\n", static_cast<int>(verdict.status), phrase_of(verdict.status));
    answer += good ? "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"
                   : "Content-Type: text/plain; charset=utf-8\r\n";
    if (verdict.status == HttpStatus::NotAllowed) answer += "Allow: GET, HEAD\r\n";
    answer += fmt::format("Content-Length: {}\r\nConnection: close\r\n\r\n", content.size());
    if (verdict.wants_body) answer += content;
    return answer;
}

}  // namespace holm::cli
