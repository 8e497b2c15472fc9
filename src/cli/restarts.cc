#include "cli/restarts.h"

#include <chrono>

#include <fmt/format.h>

#include "base/text.h"
#include "machine/grammar.h"

namespace holm::cli {

std::string describe_restarts(uint64_t count, std::string_view after)
{
    return count ? fmt::format("{}, last after: {}", count, printable(after, 4096)) : "";
}

std::string describe_rest(uint64_t next, uint64_t now, std::string_view after)
{
    if (next == 0) return "";
    const uint64_t left = next > now ? next - now : 0, step = left < 1'000'000 ? 1'000 : 1'000'000;
    const std::chrono::microseconds shown((left + step - 1) / step * step);
    return fmt::format("again in {}: {}", machine::describe_duration(shown), printable(after, 4096));
}

}  // namespace holm::cli
