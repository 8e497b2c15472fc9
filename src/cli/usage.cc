#include "cli/usage.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "base/text.h"

namespace holm::cli {

namespace {

std::vector<std::string_view> words_of(std::string_view line)
{
    std::vector<std::string_view> words;
    for (std::string_view word : split(line, ' '))
        if (!word.empty()) words.push_back(word);
    return words;
}

struct Metric {
    std::string_view name, type, unit, help;
};

// A label's value: OpenMetrics quotes backslash, quote and line end.
std::string quote_label(std::string_view text)
{
    std::string quoted;
    for (char c : text) {
        if (c == '\\' || c == '"') quoted += '\\';
        if (c == '\n') quoted += "\\n";
        else quoted += c;
    }
    return quoted;
}

class Metrics {
public:
    explicit Metrics(const std::vector<Sample>& samples) : samples_(samples) {}
    // `value` of each machine, as text; "": it has none.
    template <typename Value>
    void add(const Metric& metric, Value value)
    {
        std::string lines;
        const std::string_view suffix = metric.type == "counter" ? "_total" : metric.type == "info" ? "_info" : "";
        for (const Sample& sample : samples_) {
            const auto [labels, text] = value(sample);
            if (!text.empty())
                lines +=
                    fmt::format("holm_machine_{}{}{{machine=\"{}\"{}}} {}\n", metric.name, suffix, quote_label(sample.name), labels, text);
        }
        if (lines.empty()) return;
        text_ += fmt::format("# TYPE holm_machine_{} {}\n", metric.name, metric.type);
        if (!metric.unit.empty()) text_ += fmt::format("# UNIT holm_machine_{} {}\n", metric.name, metric.unit);
        text_ += fmt::format("# HELP holm_machine_{} {}\n{}", metric.name, metric.help, lines);
    }
    void add(const Metric& metric, std::optional<uint64_t> Usage::* counter)
    {
        add(metric, [counter](const Sample& sample) {
            auto value = sample.usage.*counter;
            return std::pair(std::string(), value ? fmt::format("{}", *value) : std::string());
        });
    }
    void add(const Metric& metric, std::optional<double> Usage::* share)
    {
        add(metric, [share](const Sample& sample) {
            auto value = sample.usage.*share;
            return std::pair(std::string(), value ? fmt::format("{:.4f}", *value / 100) : std::string());
        });
    }
    std::string text() && { return std::move(text_) + "# EOF\n"; }

private:
    const std::vector<Sample>& samples_;
    std::string text_;
};

}  // namespace

std::optional<uint64_t> find_counter(std::string_view text, std::string_view key)
{
    for (std::string_view line : split(text, '\n')) {
        auto words = words_of(line);
        if (words.size() == 2 && words[0] == key) return parse_number(words[1]);
    }
    return {};
}

std::pair<uint64_t, uint64_t> sum_io(std::string_view text)
{
    std::pair<uint64_t, uint64_t> sum;
    for (std::string_view line : split(text, '\n'))
        for (std::string_view word : words_of(line)) {
            if (word.starts_with("rbytes=")) sum.first += parse_number(word.substr(7)).value_or(0);
            if (word.starts_with("wbytes=")) sum.second += parse_number(word.substr(7)).value_or(0);
        }
    return sum;
}

std::optional<double> find_pressure(std::string_view text)
{
    constexpr std::string_view key = "some avg10=";
    if (!text.starts_with(key)) return {};
    const std::string number(text.substr(key.size(), text.find(' ', key.size()) - key.size()));
    char* end = nullptr;
    const double value = std::strtod(number.c_str(), &end);
    if (end == number.c_str() || *end) return {};
    return value;
}

std::vector<LinkCounters> read_links(std::string_view text)
{
    std::vector<LinkCounters> links;
    for (std::string_view line : split(text, '\n')) {
        const size_t colon = line.find(':');
        if (colon == line.npos || trim(line.substr(0, colon)) == "lo") continue;
        const auto words = words_of(line.substr(colon + 1));
        if (words.size() < 12) continue;
        auto number = [&](size_t at) { return parse_number(words[at]).value_or(0); };
        links.push_back({.name = std::string(trim(line.substr(0, colon))),
                         .received = {.bytes = number(0), .packets = number(1), .drops = number(3)},
                         .sent = {.bytes = number(8), .packets = number(9), .drops = number(11)}});
    }
    return links;
}

std::pair<uint64_t, uint64_t> sum_links(std::string_view text)
{
    std::pair<uint64_t, uint64_t> sum;
    for (const LinkCounters& link : read_links(text)) {
        sum.first += link.received.bytes;
        sum.second += link.sent.bytes;
    }
    return sum;
}

std::optional<double> cpu_share(const Sample& before, const Sample& now)
{
    if (!before.usage.cpu || !now.usage.cpu || now.time <= before.time || *now.usage.cpu < *before.usage.cpu) return {};
    return 100.0 * static_cast<double>(*now.usage.cpu - *before.usage.cpu) / static_cast<double>(now.time - before.time);
}

std::optional<uint64_t> rate(const Sample& before, const Sample& now, std::optional<uint64_t> Usage::* counter)
{
    const auto earlier = before.usage.*counter, later = now.usage.*counter;
    if (!earlier || !later || now.time <= before.time || *later < *earlier) return {};
    return static_cast<uint64_t>(static_cast<double>(*later - *earlier) * 1e6 / static_cast<double>(now.time - before.time));
}

std::string describe_bytes(uint64_t bytes)
{
    constexpr std::string_view units = "BKMGTPE";
    auto amount = static_cast<double>(bytes);
    size_t unit = 0;
    while (amount >= 1000 && unit + 1 < units.size()) amount /= 1024, ++unit;
    if (unit == 0) return fmt::format("{}B", bytes);
    return fmt::format("{:.{}f}{}", amount, amount < 9.95 ? 1 : 0, units[unit]);
}

std::string describe_metrics(const std::vector<Sample>& samples)
{
    Metrics metrics(samples);
    metrics.add({"unit", "info", "", "The unit in which the machine runs."}, [](const Sample& sample) {
        return std::pair(fmt::format(",unit=\"{}\",health=\"{}\"", quote_label(sample.unit), quote_label(sample.health)), std::string("1"));
    });
    metrics.add({"running", "gauge", "", "Whether the machine is ready."},
                [](const Sample& sample) { return std::pair(std::string(), std::string(sample.state == "running" ? "1" : "0")); });
    metrics.add({"failed", "gauge", "", "Whether its last run has failed."},
                [](const Sample& sample) { return std::pair(std::string(), std::string(sample.state == "failed" ? "1" : "0")); });
    metrics.add({"healthy", "gauge", "", "Whether the check of [health] passes."}, [](const Sample& sample) {
        return std::pair(std::string(), std::string(sample.health.empty() ? "" : sample.health == "healthy" ? "1" : "0"));
    });
    metrics.add({"boots", "gauge", "", "Boots of the payload in this life of the unit."}, [](const Sample& sample) {
        return std::pair(std::string(), sample.boots ? fmt::format("{}", sample.boots) : std::string());
    });
    metrics.add({"start_time_seconds", "gauge", "seconds", "When this boot has started."}, [](const Sample& sample) {
        return std::pair(std::string(), sample.started ? fmt::format("{:.3f}", static_cast<double>(sample.started) / 1e6) : std::string());
    });
    metrics.add({"cpu_seconds", "counter", "seconds", "CPU time used."}, [](const Sample& sample) {
        return std::pair(std::string(),
                         sample.usage.cpu ? fmt::format("{:.6f}", static_cast<double>(*sample.usage.cpu) / 1e6) : std::string());
    });
    metrics.add({"memory_bytes", "gauge", "bytes", "Memory in use."}, &Usage::memory);
    metrics.add({"swap_bytes", "gauge", "bytes", "Swap in use."}, &Usage::swap);
    metrics.add({"tasks", "gauge", "", "Processes and threads."}, &Usage::tasks);
    metrics.add({"io_read_bytes", "counter", "bytes", "Read from disks."}, &Usage::read);
    metrics.add({"io_written_bytes", "counter", "bytes", "Written to disks."}, &Usage::written);
    metrics.add({"network_received_bytes", "counter", "bytes", "Received by its interfaces."}, &Usage::received);
    metrics.add({"network_sent_bytes", "counter", "bytes", "Sent by its interfaces."}, &Usage::sent);
    metrics.add({"cpu_pressure_ratio", "gauge", "ratio", "Share of the last 10 s in which something waited for a CPU."},
                &Usage::cpu_pressure);
    metrics.add({"memory_pressure_ratio", "gauge", "ratio", "The same, for memory."}, &Usage::memory_pressure);
    metrics.add({"io_pressure_ratio", "gauge", "ratio", "The same, for disks."}, &Usage::io_pressure);
    return std::move(metrics).text();
}

}  // namespace holm::cli
