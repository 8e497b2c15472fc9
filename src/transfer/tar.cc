#include "transfer/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include "base/handle.h"
#include "base/text.h"
#include "transfer/owner.h"

namespace holm::transfer {

namespace {

using ArchiveRead = Handle<archive, archive_read_free>;
using ArchiveEntry = Handle<archive_entry, archive_entry_free>;

constexpr size_t block = 64 << 10;

Error archive_error(archive* archive, const char* what)
{
    const char* text = archive_error_string(archive);
    return error(Errc::Invalid, "cannot {} the tar stream: {}", what, printable(text ? text : "no reason is known"));
}

// "./a/b/" is "a/b". Errors: Invalid, where it leads out.
Result<std::string> clean_path(const char* raw)
{
    if (!raw) return error(Errc::Invalid, "the tar stream has an entry without a name");
    std::string clean;
    for (std::string_view name : split(raw, '/')) {
        if (name.empty() || name == ".") continue;
        if (name == "..") return error(Errc::Invalid, "'{}' of the tar stream leads out of its folder", printable(raw));
        clean += (clean.empty() ? "" : "/") + std::string(name);
    }
    return clean;
}

// Empty: an entry that is left out.
Result<std::optional<Entry>> entry_of(archive_entry* found)
{
    Entry entry;
    entry.path = TRY(clean_path(archive_entry_pathname(found)));
    entry.mode = archive_entry_perm(found) & 07777;
    const int64_t uid = archive_entry_uid(found), gid = archive_entry_gid(found);
    entry.uid = uid >= 0 && uid < UINT32_MAX ? static_cast<uint32_t>(uid) : nobody;
    entry.gid = gid >= 0 && gid < UINT32_MAX ? static_cast<uint32_t>(gid) : nobody;
    entry.modified = {.tv_sec = archive_entry_mtime(found), .tv_nsec = archive_entry_mtime_nsec(found)};
    if (const char* target = archive_entry_hardlink(found)) {
        entry.kind = Entry::Kind::HardLink;
        entry.target = TRY(clean_path(target));
        return std::optional(std::move(entry));
    }
    switch (archive_entry_filetype(found)) {
    case AE_IFREG: entry.kind = Entry::Kind::File; break;
    case AE_IFDIR: entry.kind = Entry::Kind::Folder; break;
    case AE_IFIFO: entry.kind = Entry::Kind::Fifo; break;
    case AE_IFLNK: {
        const char* target = archive_entry_symlink(found);
        if (!target || !*target) return error(Errc::Invalid, "link '{}' of the tar stream leads nowhere", printable(entry.path));
        entry.kind = Entry::Kind::Link;
        entry.target = target;
        break;
    }
    default: return std::optional<Entry>();
    }
    const int64_t size = archive_entry_size(found);
    if (size < 0) return error(Errc::Invalid, "'{}' of the tar stream has no size", printable(entry.path));
    entry.size = static_cast<uint64_t>(size);
    const char* name = nullptr;
    const void* value = nullptr;
    size_t length = 0;
    archive_entry_xattr_reset(found);
    while (archive_entry_xattr_next(found, &name, &value, &length) == ARCHIVE_OK)
        if (name && is_carried(name)) entry.attributes.emplace_back(name, std::string(static_cast<const char*>(value), length));
    return std::optional(std::move(entry));
}

Result<> copy_bytes(archive* archive, const Entry& entry, Sink& sink)
{
    const void* bytes = nullptr;
    size_t size = 0;
    int64_t offset = 0;
    for (;;) {
        const int r = archive_read_data_block(archive, &bytes, &size, &offset);
        if (r == ARCHIVE_EOF) return {};
        if (r < ARCHIVE_OK && r != ARCHIVE_WARN) return archive_error(archive, "read");
        if (offset < 0 || static_cast<uint64_t>(offset) > entry.size || size > entry.size - static_cast<uint64_t>(offset))
            return error(Errc::Invalid, "'{}' of the tar stream is longer than it says", printable(entry.path));
        TRY(sink.write(static_cast<uint64_t>(offset), {static_cast<const char*>(bytes), size}));
    }
}

}  // namespace

Result<Skipped> read_tar(int fd, Sink& sink, const std::function<void(std::string_view path)>& looking_at)
{
    Skipped skipped;
    ArchiveRead reader(archive_read_new());
    if (!reader) return error(Errc::Failed, "no memory to read a tar stream");
    archive_read_support_filter_all(reader.get());
    archive_read_support_format_tar(reader.get());
    archive_read_support_format_gnutar(reader.get());
    archive_read_support_format_empty(reader.get());
    if (archive_read_open_fd(reader.get(), fd, block) != ARCHIVE_OK) return archive_error(reader.get(), "read");
    for (;;) {
        archive_entry* found = nullptr;
        const int r = archive_read_next_header(reader.get(), &found);
        if (r == ARCHIVE_EOF) break;
        if (r != ARCHIVE_OK && r != ARCHIVE_WARN) return archive_error(reader.get(), "read");
        auto entry = TRY(entry_of(found));
        if (!entry) {
            ++skipped.special;
            continue;
        }
        if (looking_at) looking_at(entry->path);
        TRY(sink.add(*entry));
        if (entry->kind == Entry::Kind::File) TRY(copy_bytes(reader.get(), *entry, sink));
        TRY(sink.close_entry());
    }
    return skipped;
}

Result<std::unique_ptr<TarWriter>> TarWriter::open(int fd, std::string top)
{
    std::unique_ptr<TarWriter> writer(new TarWriter(std::move(top)));
    writer->archive_ = archive_write_new();
    if (!writer->archive_) return error(Errc::Failed, "no memory to write a tar stream");
    TRY(writer->check(archive_write_set_format_pax_restricted(writer->archive_), "write"));
    TRY(writer->check(archive_write_set_options(writer->archive_, "xattrheader=SCHILY"), "write"));
    TRY(writer->check(archive_write_set_bytes_in_last_block(writer->archive_, 512), "write"));
    TRY(writer->check(archive_write_open_fd(writer->archive_, fd), "write"));
    return writer;
}

// An archive that is not closed has no end mark: who reads it sees that it is cut.
TarWriter::~TarWriter()
{
    if (!archive_) return;
    archive_write_fail(archive_);
    archive_write_free(archive_);
}

Result<> TarWriter::check(int result, const char* what)
{
    if (result == ARCHIVE_OK || result == ARCHIVE_WARN) return {};
    Error failure = archive_error(archive_, what);
    failure.code = Errc::Failed;
    failure.sys_errno = archive_errno(archive_);
    return failure;
}

std::string TarWriter::name_of(const std::string& path) const
{
    if (path.empty()) return top_.empty() ? "." : top_;
    return top_.empty() ? path : top_ + "/" + path;
}

Result<> TarWriter::add(const Entry& entry)
{
    ArchiveEntry made(archive_entry_new());
    if (!made) return error(Errc::Failed, "no memory to write a tar stream");
    archive_entry* header = made.get();
    archive_entry_copy_pathname(header, name_of(entry.path).c_str());
    archive_entry_set_perm(header, entry.mode);
    archive_entry_set_uid(header, entry.uid);
    archive_entry_set_gid(header, entry.gid);
    archive_entry_set_mtime(header, entry.modified.tv_sec, entry.modified.tv_nsec);
    archive_entry_set_size(header, 0);
    switch (entry.kind) {
    case Entry::Kind::Folder: archive_entry_set_filetype(header, AE_IFDIR); break;
    case Entry::Kind::Fifo: archive_entry_set_filetype(header, AE_IFIFO); break;
    case Entry::Kind::Link:
        archive_entry_set_filetype(header, AE_IFLNK);
        archive_entry_copy_symlink(header, entry.target.c_str());
        break;
    case Entry::Kind::HardLink:
        archive_entry_set_filetype(header, AE_IFREG);
        archive_entry_copy_hardlink(header, name_of(entry.target).c_str());
        break;
    case Entry::Kind::File:
        archive_entry_set_filetype(header, AE_IFREG);
        archive_entry_set_size(header, static_cast<int64_t>(entry.size));
        for (const Stretch& stretch : entry.stretches)
            archive_entry_sparse_add_entry(header, static_cast<int64_t>(stretch.offset), static_cast<int64_t>(stretch.size));
        break;
    }
    for (auto& [name, value] : entry.attributes) archive_entry_xattr_add_entry(header, name.c_str(), value.data(), value.size());
    at_ = 0;
    size_ = entry.kind == Entry::Kind::File ? entry.size : 0;
    return check(archive_write_header(archive_, header), "write");
}

Result<> TarWriter::put(std::string_view bytes)
{
    while (!bytes.empty()) {
        const la_ssize_t size = archive_write_data(archive_, bytes.data(), bytes.size());
        if (size < 0) return check(static_cast<int>(size), "write");
        if (size == 0) return error(Errc::Failed, "cannot write the tar stream: a file has become longer");
        bytes.remove_prefix(static_cast<size_t>(size));
        at_ += static_cast<uint64_t>(size);
    }
    return {};
}

// Holes are told in the header and their bytes given all the same; they are not written.
Result<> TarWriter::fill_to(uint64_t offset)
{
    static const std::string zeros(1 << 20, '\0');
    while (at_ < offset) TRY(put({zeros.data(), static_cast<size_t>(std::min<uint64_t>(zeros.size(), offset - at_))}));
    return {};
}

Result<> TarWriter::write(uint64_t offset, std::string_view bytes)
{
    TRY(fill_to(offset));
    return put(bytes);
}

Result<> TarWriter::close_entry()
{
    TRY(fill_to(size_));
    return check(archive_write_finish_entry(archive_), "write");
}

Result<> TarWriter::finish()
{
    return check(archive_write_close(archive_), "write");
}

}  // namespace holm::transfer
