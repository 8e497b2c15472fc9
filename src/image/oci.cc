#include "image/oci.h"

#include <algorithm>
#include <array>
#include <set>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "image/identifiers.h"
#include "machine/grammar.h"
#include "machine/identifiers.h"

namespace holm::image::oci {

namespace {

using Json = nlohmann::json;
using machine::has_control;

constexpr unsigned max_nesting = 32;
constexpr size_t max_test_words = 256, max_test = 64 << 10;  // bytes; the supervisor has it in one message

struct MediaType {
    std::string_view name;
    Kind kind;
    std::string_view compression = "none";
};
constexpr auto media_types = std::to_array<MediaType>({
    {"application/vnd.oci.image.index.v1+json", Kind::Index},
    {"application/vnd.docker.distribution.manifest.list.v2+json", Kind::Index},
    {"application/vnd.oci.image.manifest.v1+json", Kind::Manifest},
    {"application/vnd.docker.distribution.manifest.v2+json", Kind::Manifest},
    {"application/vnd.oci.image.config.v1+json", Kind::Config},
    {"application/vnd.docker.container.image.v1+json", Kind::Config},
    {"application/vnd.oci.image.layer.v1.tar", Kind::Layer},
    {"application/vnd.oci.image.layer.v1.tar+gzip", Kind::Layer, "gzip"},
    {"application/vnd.oci.image.layer.v1.tar+zstd", Kind::Layer, "zstd"},
    {"application/vnd.docker.image.rootfs.diff.tar", Kind::Layer},
    {"application/vnd.docker.image.rootfs.diff.tar.gzip", Kind::Layer, "gzip"},
    {"application/vnd.docker.image.rootfs.diff.tar.zstd", Kind::Layer, "zstd"},
});

const MediaType* find_media_type(std::string_view name)
{
    auto found = std::ranges::find(media_types, name, &MediaType::name);
    return found == media_types.end() ? nullptr : &*found;
}

// An object. Numbers, depth and size are bounded; what is there twice counts once, as the library has it.
Result<Json> parse_object(std::string_view text, std::string_view what)
{
    if (text.size() > max_document) return error(Errc::Invalid, "{} is larger than {} bytes", what, max_document);
    bool too_deep = false;
    auto watch = [&](int depth, Json::parse_event_t, Json&) {
        too_deep = too_deep || depth > static_cast<int>(max_nesting);
        return !too_deep;
    };
    Json document = Json::parse(text, watch, false);
    if (too_deep) return error(Errc::Invalid, "{} is nested too deep", what);
    if (document.is_discarded()) return error(Errc::Invalid, "{} is no JSON", what);
    return document;
}

const Json* find(const Json& object, const char* key)
{
    if (!object.is_object()) return nullptr;
    auto member = object.find(key);
    return member == object.end() || member->is_null() ? nullptr : &*member;
}

Error wrong(const char* key)
{
    return error(Errc::Invalid, "'{}' is not what it must be", key);
}

// "" where it is missing.
Result<std::string> text_in(const Json& object, const char* key)
{
    const Json* member = find(object, key);
    if (!member) return std::string();
    const auto* text = member->get_ptr<const std::string*>();
    if (!text || text->contains('\0')) return wrong(key);
    return *text;
}

Result<std::vector<std::string>> texts_in(const Json& object, const char* key)
{
    std::vector<std::string> texts;
    const Json* member = find(object, key);
    if (!member) return texts;
    if (!member->is_array()) return wrong(key);
    for (const Json& item : *member) {
        const auto* text = item.get_ptr<const std::string*>();
        if (!text || text->contains('\0')) return wrong(key);
        texts.push_back(*text);
    }
    return texts;
}

// The keys of an object, which is how OCI writes sets.
Result<std::vector<std::string>> keys_in(const Json& object, const char* key)
{
    std::vector<std::string> keys;
    const Json* member = find(object, key);
    if (!member) return keys;
    if (!member->is_object()) return wrong(key);
    for (auto& [name, value] : member->items()) {
        if (name.contains('\0')) return wrong(key);
        keys.push_back(name);
    }
    return keys;
}

// 0 where it is missing.
Result<uint64_t> number_in(const Json& object, const char* key)
{
    const Json* member = find(object, key);
    if (!member) return uint64_t{0};
    if (!member->is_number_unsigned() || member->get<uint64_t>() > INT64_MAX) return wrong(key);
    return member->get<uint64_t>();
}

Result<Descriptor> parse_descriptor(const Json& object)
{
    if (!object.is_object()) return error(Errc::Invalid, "a descriptor is no object");
    if (find(object, "urls")) return error(Errc::NotSupported, "a layer of it is elsewhere (urls)");
    Descriptor descriptor;
    descriptor.media_type = TRY(text_in(object, "mediaType"));
    const std::string digest = TRY(text_in(object, "digest"));
    if (digest.starts_with("sha512:")) return error(Errc::NotSupported, "a digest is sha512, which is not supported: only sha256 is");
    descriptor.digest = TRY(image::parse_digest(digest));
    const Json* size = find(object, "size");
    if (!size || !size->is_number_unsigned()) return wrong("size");
    descriptor.size = size->get<uint64_t>();
    if (const Json* platform = find(object, "platform")) {
        descriptor.os = TRY(text_in(*platform, "os"));
        descriptor.architecture = TRY(text_in(*platform, "architecture"));
    }
    if (const Json* annotations = find(object, "annotations"))
        descriptor.reference = TRY(text_in(*annotations, "org.opencontainers.image.ref.name"));
    return descriptor;
}

// Who reads a document as what it is not is led astray (CVE-2021-41190).
Result<> check_kind(const Json& document, Kind kind, const char* what)
{
    const std::string media_type = TRY(text_in(document, "mediaType"));
    if (!media_type.empty() && kind_of(media_type) != kind)
        return error(Errc::Invalid, "{} says that it is '{}'", what, printable(media_type, 100));
    const bool has_manifests = document.contains("manifests"), has_layers = document.contains("layers") || document.contains("config");
    if (has_manifests && has_layers) return error(Errc::Invalid, "{} is an index and a manifest at once", what);
    return {};
}

Result<> check_version(const Json& document, const char* what)
{
    const Json* version = find(document, "schemaVersion");
    if (version && version->is_number_integer() && version->get<int64_t>() == 2) return {};
    return error(Errc::NotSupported, "{} has not version 2", what);
}

Result<std::vector<std::pair<std::string, std::string>>> parse_environment(const std::vector<std::string>& variables)
{
    std::vector<std::pair<std::string, std::string>> environment;
    for (const std::string& variable : variables) {
        const size_t equals = variable.find('=');
        if (equals == 0 || equals == variable.npos || has_control(variable.substr(0, equals)))
            return error(Errc::Invalid, "'{}' of its Env is not KEY=VALUE", printable(variable, 80));
        const std::string key = variable.substr(0, equals);
        auto same = std::ranges::find(environment, key, &std::pair<std::string, std::string>::first);
        if (same != environment.end()) same->second = variable.substr(equals + 1);
        else environment.emplace_back(key, variable.substr(equals + 1));
    }
    return environment;
}

Result<> check_payload(const Config& config)
{
    for (const auto* words : {&config.entrypoint, &config.command}) {
        if (!words->empty() && words->front().empty()) return error(Errc::Invalid, "its command has no name");
        for (const std::string& word : *words) TRY(machine::parse_argument(word));
    }
    if (!config.user.empty()) TRY(machine::parse_user(config.user), "its User");
    if (!config.working_directory.empty()) TRY(machine::parse_path(config.working_directory), "its WorkingDir");
    if (!config.stop_signal.empty()) TRY(machine::parse_signal(config.stop_signal), "its StopSignal");
    for (const std::string& volume : config.volumes)
        if (!machine::parse_path(volume)) return error(Errc::Invalid, "its volume '{}' is no path", printable(volume, 80));
    return {};
}

bool is_test(const std::vector<std::string>& test)
{
    size_t size = 0;
    for (const std::string& word : test) size += word.size() + 1;
    if (test.empty() || test.size() > max_test_words || size > max_test) return false;
    if (test[0] == "NONE") return true;
    return test.size() > 1 && !test[1].empty() && (test[0] == "CMD" || test[0] == "CMD-SHELL");
}

Result<Healthcheck> parse_healthcheck(const Json& object)
{
    Healthcheck check;
    check.test = TRY(texts_in(object, "Test"));
    check.interval = TRY(number_in(object, "Interval"));
    check.timeout = TRY(number_in(object, "Timeout"));
    check.start_period = TRY(number_in(object, "StartPeriod"));
    check.start_interval = TRY(number_in(object, "StartInterval"));
    check.retries = TRY(number_in(object, "Retries"));
    if (!is_test(check.test)) return wrong("Test");
    return check;
}

Result<Config> parse_payload(const Json& object)
{
    Config config;
    config.entrypoint = TRY(texts_in(object, "Entrypoint"));
    config.command = TRY(texts_in(object, "Cmd"));
    config.user = TRY(text_in(object, "User"));
    config.working_directory = TRY(text_in(object, "WorkingDir"));
    if (!config.working_directory.empty() && !config.working_directory.starts_with('/'))
        config.working_directory = fmt::format("/{}", config.working_directory);
    const std::vector<std::string> variables = TRY(texts_in(object, "Env"));
    config.environment = TRY(parse_environment(variables));
    config.stop_signal = TRY(text_in(object, "StopSignal"));
    config.exposed_ports = TRY(keys_in(object, "ExposedPorts"));
    config.volumes = TRY(keys_in(object, "Volumes"));
    for (const std::string& key : TRY(keys_in(object, "Labels"))) config.labels[key] = TRY(text_in(object.at("Labels"), key.c_str()));
    // Docker's own, which OCI does not know: what is no check of docker's is none here, and no reason to refuse the image.
    if (const Json* check = find(object, "Healthcheck")) config.healthcheck = parse_healthcheck(*check).value_or(Healthcheck());
    TRY(check_payload(config));
    return config;
}

std::string describe_choice(const Descriptor& one)
{
    std::string text = one.reference.empty() ? one.digest.substr(0, 19) : one.reference;
    if (!one.architecture.empty()) text += fmt::format(" ({}/{})", one.os, one.architecture);
    return printable(text, 100);
}

}  // namespace

Kind kind_of(std::string_view media_type)
{
    const MediaType* known = find_media_type(media_type);
    return known ? known->kind : Kind::Other;
}

std::string_view compression_of(std::string_view media_type)
{
    const MediaType* known = find_media_type(media_type);
    return known ? known->compression : "none";
}

Result<std::vector<Descriptor>> parse_index(std::string_view text)
{
    const Json document = TRY(parse_object(text, "the index"));
    if (!document.is_object()) return error(Errc::Invalid, "the index is no object");
    TRY(check_kind(document, Kind::Index, "the index"));
    TRY(check_version(document, "the index"));
    const Json* manifests = find(document, "manifests");
    if (!manifests || !manifests->is_array()) return error(Errc::Invalid, "the index has no list 'manifests'");
    std::vector<Descriptor> descriptors;
    for (const Json& item : *manifests) {
        Descriptor descriptor = TRY(parse_descriptor(item));
        const Kind kind = kind_of(descriptor.media_type);
        if (kind == Kind::Index || kind == Kind::Manifest) descriptors.push_back(std::move(descriptor));
    }
    return descriptors;
}

Result<ImageManifest> parse_manifest(std::string_view text)
{
    const Json document = TRY(parse_object(text, "the manifest"));
    if (!document.is_object()) return error(Errc::Invalid, "the manifest is no object");
    TRY(check_kind(document, Kind::Manifest, "the manifest"));
    TRY(check_version(document, "the manifest"));
    const Json *config = find(document, "config"), *layers = find(document, "layers");
    if (!config) return wrong("config");
    if (!layers || !layers->is_array() || layers->empty()) return error(Errc::Invalid, "the manifest has no layers");
    if (layers->size() > max_layers) return error(Errc::Invalid, "the manifest has {} layers; {} is the most", layers->size(), max_layers);
    ImageManifest manifest;
    manifest.config = TRY(parse_descriptor(*config));
    if (kind_of(manifest.config.media_type) != Kind::Config)
        return error(Errc::Invalid, "its config is of type '{}': this is no image", printable(manifest.config.media_type, 100));
    for (const Json& item : *layers) {
        manifest.layers.push_back(TRY(parse_descriptor(item)));
        if (kind_of(manifest.layers.back().media_type) != Kind::Layer)
            return error(Errc::Invalid, "a layer is of type '{}'", printable(manifest.layers.back().media_type, 100));
    }
    return manifest;
}

Result<ImageConfig> parse_config(std::string_view text)
{
    const Json document = TRY(parse_object(text, "the config"));
    if (!document.is_object()) return error(Errc::Invalid, "the config is no object");
    ImageConfig config;
    config.os = TRY(text_in(document, "os"));
    config.architecture = TRY(text_in(document, "architecture"));
    if (const Json* rootfs = find(document, "rootfs"))
        for (const std::string& id : TRY(texts_in(*rootfs, "diff_ids"))) config.diff_ids.push_back(TRY(image::parse_digest(id)));
    if (const Json* payload = find(document, "config")) {
        if (!payload->is_object()) return wrong("config");
        config.config = TRY(parse_payload(*payload));
    }
    return config;
}

Result<std::vector<Saved>> parse_saved(std::string_view text)
{
    const Json document = TRY(parse_object(text, "manifest.json"));
    if (!document.is_array()) return error(Errc::Invalid, "manifest.json is no array");
    std::vector<Saved> images;
    for (const Json& item : document) {
        Saved saved;
        saved.config = TRY(text_in(item, "Config"));
        saved.names = TRY(texts_in(item, "RepoTags"));
        saved.layers = TRY(texts_in(item, "Layers"));
        if (saved.config.empty()) return wrong("Config");
        if (saved.layers.empty()) return error(Errc::Invalid, "manifest.json has an image without layers");
        if (saved.layers.size() > max_layers)
            return error(Errc::Invalid, "manifest.json has an image of {} layers; {} is the most", saved.layers.size(), max_layers);
        images.push_back(std::move(saved));
    }
    return images;
}

Result<Descriptor> choose(const std::vector<Descriptor>& descriptors, std::string_view reference, std::string_view architecture)
{
    std::vector<Descriptor> fitting;
    std::set<std::string> there;
    for (const Descriptor& one : descriptors) {
        there.insert(describe_choice(one));
        const bool runs = (one.os.empty() || one.os == "linux") && (one.architecture.empty() || one.architecture == architecture);
        const bool meant = reference.empty() || one.reference == reference || one.digest == reference;
        const bool known = std::ranges::find(fitting, one.digest, &Descriptor::digest) != fitting.end();
        if (runs && meant && !known) fitting.push_back(one);
    }
    if (fitting.size() == 1) return fitting.front();
    const std::string list = fmt::format("{}", fmt::join(there, ", "));
    if (fitting.empty())
        return error(Errc::NotFound, "it has no image for {}{}: there is {}", architecture,
                     reference.empty() ? "" : fmt::format(" of the name '{}'", printable(reference, 80)), there.empty() ? "none" : list);
    return error(Errc::Invalid, "it has more than one image for {}: name one with --reference=, of {}", architecture, list);
}

}  // namespace holm::image::oci
