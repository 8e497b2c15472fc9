// Usage: what a machine uses of the host, and the counters of the kernel that tell it. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holm::cli {

// Of one machine at one moment; none: this host does not count it. Times in µs, amounts in bytes, since the unit's start.
struct Usage {
    std::optional<uint64_t> cpu, memory, swap, read, written, tasks, received, sent;
    std::optional<double> cpu_pressure, memory_pressure, io_pressure;  // percent of the last 10 s in which something waited
    bool operator==(const Usage&) const = default;
};

struct Sample {
    std::string name, state, unit, health;
    bool frozen = false;
    uint64_t started = 0;  // CLOCK_REALTIME in µs; 0: not yet
    uint64_t boots = 0;
    uint64_t time = 0;  // of the sample, CLOCK_MONOTONIC in µs
    Usage usage;
};

// "usage_usec 12" of cpu.stat.
std::optional<uint64_t> find_counter(std::string_view text, std::string_view key);
// "8:0 rbytes=1 wbytes=2 …" a line each, of io.stat: read and written.
std::pair<uint64_t, uint64_t> sum_io(std::string_view text);
// "some avg10=1.50 avg60=…" of cpu.pressure and its like.
std::optional<double> find_pressure(std::string_view text);
// An interface of /proc/PID/net/dev, as the machine sees it.
struct LinkCounters {
    struct Direction {
        uint64_t bytes = 0, packets = 0, drops = 0;
        bool operator==(const Direction&) const = default;
    };
    std::string name;
    Direction received, sent;
    bool operator==(const LinkCounters&) const = default;
};
// All but the loopback.
std::vector<LinkCounters> read_links(std::string_view text);
// Bytes of all of them: received and sent.
std::pair<uint64_t, uint64_t> sum_links(std::string_view text);

// The share of one CPU between two samples of a machine, in percent; and what a counter has grown by in a second.
std::optional<double> cpu_share(const Sample& before, const Sample& now);
std::optional<uint64_t> rate(const Sample& before, const Sample& now, std::optional<uint64_t> Usage::* counter);

// "1.2M": three digits at most, base 1024.
std::string describe_bytes(uint64_t bytes);

// All of it as OpenMetrics text (openmetrics.io), with its end mark.
std::string describe_metrics(const std::vector<Sample>& samples);

}  // namespace holm::cli
