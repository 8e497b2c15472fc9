#include "machine/toml_schema.h"

namespace holm::machine {

Error error_at(const Place& place, const Error& error)
{
    Error placed = error;
    const std::string key = place.path.empty() ? "" : fmt::format("'{}': ", printable(place.path));
    placed.text.insert(0, describe_position(place.origin) + key);
    return placed;
}

Error unknown_key(Place& place, std::span<const std::string_view> known)
{
    const std::string path = std::exchange(place.path, {});
    size_t dot = path.rfind('.');
    std::string_view key = std::string_view(path).substr(dot == std::string::npos ? 0 : dot + 1);
    return error(Errc::Invalid, "unknown key '{}'{}", printable(path), did_you_mean(key, known));
}

Error wrong_kind(const TomlValue& value, std::string_view wanted)
{
    return error(Errc::Invalid, "must be {}, not {}", wanted, describe_kind(value.kind));
}

std::string inner_path(std::string_view path, std::string_view key)
{
    return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

void TomlWriter::value(std::string_view key, std::string_view text)
{
    lines_ += fmt::format("{} = {}", toml_key(key), text);
    if (origins_) {
        auto origin = origins_->find(inner_path(path_, key));
        if (origin != origins_->end() && !origin->second.file.empty())
            lines_ += fmt::format("  # {}:{}", printable(origin->second.file), origin->second.line);
    }
    lines_ += '\n';
}

TomlWriter TomlWriter::table(std::string_view key) const
{
    TomlWriter inner(origins_);
    inner.written_ = written_.empty() ? toml_key(key) : fmt::format("{}.{}", written_, toml_key(key));
    inner.path_ = inner_path(path_, key);
    inner.header_ = fmt::format("[{}]", inner.written_);
    return inner;
}

TomlWriter TomlWriter::element(std::string_view key, size_t index) const
{
    TomlWriter inner = table(key);
    inner.path_ += fmt::format("[{}]", index);
    inner.header_ = fmt::format("[[{}]]", inner.written_);
    inner.element_ = true;
    return inner;
}

void TomlWriter::add(const TomlWriter& inner)
{
    inner_ += inner.text();
}

std::string TomlWriter::text() const
{
    std::string own = lines_;
    if (!header_.empty() && (element_ || !lines_.empty())) own = fmt::format("\n{}\n{}", header_, lines_);
    return own + inner_;
}

}  // namespace holm::machine
