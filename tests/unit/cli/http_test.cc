#include "cli/http.h"

#include <gtest/gtest.h>

namespace holm::cli {
namespace {

HttpStatus status_of(std::string_view head)
{
    return judge_request(head).status;
}

TEST(Http, ARequestEndsWithAnEmptyLine)
{
    EXPECT_TRUE(is_whole_request("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    EXPECT_TRUE(is_whole_request("GET / HTTP/1.0\n\n"));
    for (const char* part : {"", "GET / HTTP/1.1", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: x\r\n"})
        EXPECT_FALSE(is_whole_request(part)) << part;
}

TEST(Http, MetricsAreReadAlone)
{
    EXPECT_EQ(judge_request("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), (HttpVerdict{HttpStatus::Ok, true}));
    EXPECT_EQ(judge_request("HEAD /metrics HTTP/1.0\r\n\r\n"), (HttpVerdict{HttpStatus::Ok, false}));
    EXPECT_EQ(status_of("GET / HTTP/1.1\n\n"), HttpStatus::Ok);
    EXPECT_EQ(status_of("GET /metrics?name[]=x HTTP/1.1\r\n\r\n"), HttpStatus::Ok);
    for (const char* path : {"/metrics/", "/metric", "/etc/passwd", "//", "/../metrics"})
        EXPECT_EQ(status_of(std::string("GET ") + path + " HTTP/1.1\r\n\r\n"), HttpStatus::NotFound) << path;
    EXPECT_EQ(judge_request("HEAD /x HTTP/1.1\r\n\r\n"), (HttpVerdict{HttpStatus::NotFound, false}));
    for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE"})
        EXPECT_EQ(status_of(std::string(method) + " /metrics HTTP/1.1\r\n\r\n"), HttpStatus::NotAllowed) << method;
}

TEST(Http, GarbageIsNoRequest)
{
    for (std::string_view bad :
         {"", "\r\n\r\n", "\n\n", "GET\r\n\r\n", "GET /metrics\r\n\r\n", "GET  /metrics HTTP/1.1\r\n\r\n", "GET /metrics HTTP/2\r\n\r\n",
          "GET /metrics HTTP/1.1 x\r\n\r\n", "get /metrics HTTP/1.1\r\n\r\n", "GET metrics HTTP/1.1\r\n\r\n",
          " GET /metrics HTTP/1.1\r\n\r\n", "GET /\x01 HTTP/1.1\r\n\r\n", "GET /\xff HTTP/1.1\r\n\r\n", "\x16\x03\x01\n\n"})
        EXPECT_EQ(status_of(bad), HttpStatus::BadRequest) << bad;
}

TEST(Http, AnswersSayHowLongTheyAre)
{
    EXPECT_EQ(describe_answer({HttpStatus::Ok, true}, "a 1\n"),
              "HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\nContent-Length: 4\r\n"
              "Connection: close\r\n\r\na 1\n");
    const std::string head = describe_answer({HttpStatus::Ok, false}, "a 1\n");
    EXPECT_TRUE(head.contains("Content-Length: 4\r\n"));
    EXPECT_TRUE(head.ends_with("\r\n\r\n"));
    const std::string refused = describe_answer({HttpStatus::NotAllowed, true}, "a 1\n");
    EXPECT_TRUE(refused.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"));
    EXPECT_TRUE(refused.contains("Allow: GET, HEAD\r\n"));
    EXPECT_FALSE(refused.contains("a 1"));
}

}  // namespace
}  // namespace holm::cli
