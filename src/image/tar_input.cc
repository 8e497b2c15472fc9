#include "image/tar_input.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace holm::image {

namespace {

constexpr size_t piece = 256 << 10;
// What a small input may unpack to whatever the ratio, and the ratio from there on. Empty blocks pack at about 1:1000.
constexpr uint64_t free_of_ratio = uint64_t{1} << 30, most_ratio = 2000;

Result<> check(int result, struct archive* archive, const char* what)
{
    if (result == ARCHIVE_OK) return {};
    const char* text = archive_error_string(archive);
    return error(Errc::Invalid, "{}: {}", what, text ? printable(text) : "it is damaged");
}

// Names are bytes: one that is no UTF-8 is taken as it stands, which is what libarchive has done when it says so. It tells the last of an
// entry's warnings alone.
bool is_of_conversion(const char* warning)
{
    constexpr std::array<std::string_view, 4> names = {"Pathname", "Linkname", "Uname", "Gname"};
    const std::string_view text = warning ? warning : "";
    return std::ranges::any_of(names, [&](std::string_view name) {
        return text.starts_with(name) && text.substr(name.size()).starts_with(" can't be converted ");
    });
}

}  // namespace

ssize_t TarInput::read_input(struct archive*, void* self, const void** bytes) noexcept
{
    auto& input = *static_cast<TarInput*>(self);
    ssize_t size;
    do size = ::read(input.fd_, input.buffer_.data(), input.buffer_.size());
    while (size < 0 && errno == EINTR);
    if (size < 0) {
        input.error_ = sys_error("cannot read the archive");
        return -1;
    }
    *bytes = input.buffer_.data();
    if (input.hashed_) input.input_hash_.add({input.buffer_.data(), static_cast<size_t>(size)});
    input.read_ += static_cast<uint64_t>(size);
    return size;
}

ssize_t TarInput::read_tar(struct archive*, void* self, const void** bytes) noexcept
{
    auto& input = *static_cast<TarInput*>(self);
    const ssize_t size = input.unpack(bytes);
    if (size == 0 && input.hashed_ && !input.padded_) return static_cast<ssize_t>(input.pad(bytes));
    if (size == 0) input.starved_ = true;
    if (size > 0) input.count_zeros({static_cast<const char*>(*bytes), static_cast<size_t>(size)});
    return size;
}

// A layer of OCI may end behind its last byte of content, as those of `umoci insert` do: its digest says that this is all.
size_t TarInput::pad(const void** bytes)
{
    static constexpr char zeros[3 * 512] = {};
    padded_ = true;
    *bytes = zeros;
    return (512 - unpacked_ % 512) % 512 + 2 * 512;
}

void TarInput::count_zeros(std::string_view bytes)
{
    const size_t last = bytes.find_last_not_of('\0');
    zeros_ = last == bytes.npos ? zeros_ + bytes.size() : bytes.size() - last - 1;
}

// One block of the decompressed stream. Holes, which a raw stream has none of, would be an error of libarchive's.
ssize_t TarInput::unpack(const void** bytes)
{
    size_t size = 0;
    la_int64_t offset = 0;
    const int result = archive_read_data_block(bytes_.get(), bytes, &size, &offset);
    if (result == ARCHIVE_EOF) return 0;
    if (result != ARCHIVE_OK) {
        if (!error_) error_ = failure(bytes_.get());
        return -1;
    }
    if (hashed_) tar_hash_.add({static_cast<const char*>(*bytes), size});
    unpacked_ += size;
    if (unpacked_ > free_of_ratio && unpacked_ / most_ratio > read_) {
        error_ = error(Errc::Invalid, "the archive unpacks to more than {} times its size: it is refused as a bomb", most_ratio);
        return -1;
    }
    return static_cast<ssize_t>(size);
}

Error TarInput::failure(struct archive* archive)
{
    if (error_) return *error_;
    const std::string_view text = archive_error_string(archive) ? archive_error_string(archive) : "it ends too early";
    if (archive_errno(archive) == ENOMEM || text.contains("emory"))
        return error(Errc::NotSupported,
                     "the archive takes more memory to unpack than it may have: pack it again with a window of 128 MiB at most ({})",
                     printable(text));
    const std::string where = archive == entries_.get() && !name_.empty() ? fmt::format(" at '{}'", printable(name_, 100)) : "";
    return error(Errc::Invalid, "the archive is damaged{}: {}", where, printable(text));
}

Result<> TarInput::open()
{
    buffer_.resize(piece);
    bytes_.reset(archive_read_new());
    entries_.reset(archive_read_new());
    if (!bytes_ || !entries_) return error(Errc::Failed, "there is no memory to read the archive");
    for (auto support : {archive_read_support_filter_gzip, archive_read_support_filter_bzip2, archive_read_support_filter_xz,
                         archive_read_support_filter_zstd, archive_read_support_format_raw, archive_read_support_format_empty})
        TRY(check(support(bytes_.get()), bytes_.get(), "cannot read archives"));
    TRY(check(archive_read_support_format_tar(entries_.get()), entries_.get(), "cannot read archives"));

    if (archive_read_open(bytes_.get(), this, nullptr, read_input, nullptr) != ARCHIVE_OK) return failure(bytes_.get());
    archive_entry* whole = nullptr;
    const int first = archive_read_next_header(bytes_.get(), &whole);
    if (first == ARCHIVE_EOF) return error(Errc::Invalid, "the archive is empty");
    if (first != ARCHIVE_OK) return failure(bytes_.get());
    if (archive_filter_count(bytes_.get()) > 2) return error(Errc::Invalid, "the archive is compressed more than once");
    if (archive_read_open(entries_.get(), this, nullptr, read_tar, nullptr) != ARCHIVE_OK) {
        if (error_) return *error_;
        return error(Errc::Invalid, "this is no tar archive");
    }
    return {};
}

Result<archive_entry*> TarInput::next()
{
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(entries_.get(), &entry);
    if (result == ARCHIVE_EOF && error_) return *error_;
    if (result == ARCHIVE_EOF) return nullptr;
    const char* name = entry ? archive_entry_pathname(entry) : nullptr;
    name_ = name ? name : "";
    if (result == ARCHIVE_OK || (result == ARCHIVE_WARN && is_of_conversion(archive_error_string(entries_.get())))) return entry;
    return failure(entries_.get());
}

Result<std::optional<TarInput::Piece>> TarInput::read()
{
    Piece piece;
    la_int64_t offset = 0;
    const int result = archive_read_data_block(entries_.get(), &piece.bytes, &piece.size, &offset);
    piece.offset = offset;
    if (result == ARCHIVE_EOF) return std::optional<Piece>();
    if (result != ARCHIVE_OK) return failure(entries_.get());
    // What is counted as consumed ends before the piece.
    if (padded_ && static_cast<uint64_t>(archive_filter_bytes(entries_.get(), 0)) + piece.size > unpacked_)
        return error(Errc::Invalid, "the archive is damaged: it ends within a file");
    return std::optional(piece);
}

Result<> TarInput::drain()
{
    const void* bytes = nullptr;
    for (ssize_t size; (size = unpack(&bytes)) != 0;)
        if (size < 0) return failure(bytes_.get());
    // Of what no filter takes for its own, behind the last member.
    ssize_t rest;
    do rest = read_input(nullptr, this, &bytes);
    while (rest > 0);
    if (rest < 0) return *error_;
    return {};
}

std::string TarInput::digest_of_input()
{
    return hashed_ ? "sha256:" + describe_hex(input_hash_.finish()) : "";
}

std::string TarInput::digest_of_tar()
{
    return hashed_ ? "sha256:" + describe_hex(tar_hash_.finish()) : "";
}

}  // namespace holm::image
