#include "image/write_oci.h"

#include <ctime>

#include <nlohmann/json.hpp>

namespace holm::image::oci {

namespace {

using Json = nlohmann::ordered_json;

// What is no UTF-8 in a layer's config cannot be written as it is: it is replaced.
std::string dump(const Json& json)
{
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json describe(const Descriptor& descriptor)
{
    Json json = {{"mediaType", descriptor.media_type}, {"digest", descriptor.digest}, {"size", descriptor.size}};
    if (!descriptor.os.empty() && !descriptor.architecture.empty())
        json["platform"] = {{"architecture", descriptor.architecture}, {"os", descriptor.os}};
    if (!descriptor.reference.empty()) json["annotations"] = {{"org.opencontainers.image.ref.name", descriptor.reference}};
    return json;
}

// "2026-11-22T07:06:00Z", as RFC 3339 has it.
std::string describe_time(uint64_t seconds)
{
    const auto time = static_cast<time_t>(seconds);
    tm parts{};
    ::gmtime_r(&time, &parts);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour,
                       parts.tm_min, parts.tm_sec);
}

Json describe_set(const std::vector<std::string>& keys)
{
    Json set = Json::object();
    for (const std::string& key : keys) set[key] = Json::object();
    return set;
}

Json describe_healthcheck(const Healthcheck& check)
{
    Json json = {{"Test", check.test}};
    auto put = [&](const char* key, uint64_t value) {
        if (value) json[key] = value;
    };
    put("Interval", check.interval);
    put("Timeout", check.timeout);
    put("StartPeriod", check.start_period);
    put("StartInterval", check.start_interval);
    put("Retries", check.retries);
    return json;
}

Json describe_payload(const Config& config)
{
    Json json = Json::object();
    auto put = [&](const char* key, const auto& value) {
        if (!value.empty()) json[key] = value;
    };
    put("User", config.user);
    if (!config.exposed_ports.empty()) json["ExposedPorts"] = describe_set(config.exposed_ports);
    std::vector<std::string> environment;
    for (auto& [key, value] : config.environment) environment.push_back(key + "=" + value);
    put("Env", environment);
    put("Entrypoint", config.entrypoint);
    put("Cmd", config.command);
    if (!config.volumes.empty()) json["Volumes"] = describe_set(config.volumes);
    put("WorkingDir", config.working_directory);
    put("Labels", config.labels);
    put("StopSignal", config.stop_signal);
    if (!config.healthcheck.test.empty()) json["Healthcheck"] = describe_healthcheck(config.healthcheck);
    return json;
}

}  // namespace

std::string_view layer_type(Compression compression)
{
    switch (compression) {
    case Compression::None: return "application/vnd.oci.image.layer.v1.tar";
    case Compression::Gzip: return "application/vnd.oci.image.layer.v1.tar+gzip";
    case Compression::Zstd: return "application/vnd.oci.image.layer.v1.tar+zstd";
    case Compression::Xz:
    case Compression::Bzip2: return "";
    }
    return "";
}

std::string describe_config(const Manifest& image, const std::vector<std::string>& diff_ids)
{
    const std::string created = describe_time(image.created);
    Json history = Json::array();
    for (size_t i = 0; i < diff_ids.size(); ++i) history.push_back({{"created", created}, {"created_by", "holm"}});
    return dump({{"created", created},
                 {"architecture", image.architecture},
                 {"os", "linux"},
                 {"config", describe_payload(image.config)},
                 {"rootfs", {{"type", "layers"}, {"diff_ids", diff_ids}}},
                 {"history", history}});
}

std::string describe_manifest(const Descriptor& config, const std::vector<Descriptor>& layers)
{
    Json list = Json::array();
    for (const Descriptor& layer : layers) list.push_back(describe(layer));
    return dump({{"schemaVersion", 2}, {"mediaType", manifest_type}, {"config", describe(config)}, {"layers", list}});
}

std::string describe_index(const Descriptor& manifest)
{
    return dump(
        {{"schemaVersion", 2}, {"mediaType", "application/vnd.oci.image.index.v1+json"}, {"manifests", Json::array({describe(manifest)})}});
}

}  // namespace holm::image::oci
