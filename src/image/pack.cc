#include "image/pack.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <memory>
#include <unordered_map>

#include "base/fd.h"
#include "base/handle.h"
#include "base/text.h"
#include "image/attributes.h"
#include "image/folder_names.h"
#include "image/sha256.h"
#include "kernel/path.h"

namespace holm::image {

namespace {

constexpr std::array<std::pair<std::string_view, Compression>, 5> compressions = {{{"uncompressed", Compression::None},
                                                                                   {"gzip", Compression::Gzip},
                                                                                   {"xz", Compression::Xz},
                                                                                   {"zstd", Compression::Zstd},
                                                                                   {"bzip2", Compression::Bzip2}}};
constexpr size_t piece = 256 << 10;

using Writer = Handle<struct archive, archive_write_free>;
using Entry = Handle<archive_entry, archive_entry_free>;

// Two archives, one within the other: entries → tar → compressed bytes, so that both are hashed.
class Packing {
public:
    Packing(const PackInput& input, const GoOn& go_on)
        : input_(input), go_on_(go_on), buffer_(new char[piece]), names_(new char[XATTR_LIST_MAX])
    {
    }

    Packing(const Packing&) = delete;
    Packing& operator=(const Packing&) = delete;

    // What was not finished gets no end, which would pass for that of a whole archive; nothing is written any more.
    ~Packing()
    {
        for (struct archive* writer : {tar_.get(), bytes_.get()})
            if (writer) archive_write_fail(writer);
    }

    Result<Packed> run()
    {
        TRY(open());
        TRY(pack_top());
        TRY(check(archive_write_close(tar_.get()), tar_.get()));
        if (bytes_) {
            TRY(check(archive_write_finish_entry(bytes_.get()), bytes_.get()));
            TRY(check(archive_write_close(bytes_.get()), bytes_.get()));
        }
        packed_.tar_digest = "sha256:" + describe_hex(tar_hash_.finish());
        packed_.digest = "sha256:" + describe_hex(output_hash_.finish());
        return packed_;
    }

private:
    Result<> check(int result, struct archive* archive)
    {
        if (result == ARCHIVE_OK) return {};
        if (error_) return *error_;
        if (result == ARCHIVE_WARN) return {};
        const char* text = archive_error_string(archive);
        return error(Errc::Failed, "cannot write the archive: {}", text ? text : "no reason given");
    }

    Result<> open()
    {
        if (input_.compression != Compression::None) TRY(open_compressor());
        tar_.reset(archive_write_new());
        if (!tar_) return error(Errc::Failed, "there is no memory to write the archive");
        // The restricted form leaves nanoseconds out where nothing else needs a header of its own.
        TRY(check(input_.nanoseconds ? archive_write_set_format_pax(tar_.get()) : archive_write_set_format_pax_restricted(tar_.get()),
                  tar_.get()));
        archive_write_set_bytes_per_block(tar_.get(), static_cast<int>(piece));
        archive_write_set_bytes_in_last_block(tar_.get(), 1);
        return check(archive_write_open(tar_.get(), this, nullptr, write_tar, nullptr), tar_.get());
    }

    Result<> open_compressor()
    {
        bytes_.reset(archive_write_new());
        if (!bytes_) return error(Errc::Failed, "there is no memory to write the archive");
        switch (input_.compression) {
        case Compression::None: break;
        case Compression::Gzip: TRY(check(archive_write_add_filter_gzip(bytes_.get()), bytes_.get())); break;
        case Compression::Xz: TRY(check(archive_write_add_filter_xz(bytes_.get()), bytes_.get())); break;
        case Compression::Zstd: TRY(check(archive_write_add_filter_zstd(bytes_.get()), bytes_.get())); break;
        case Compression::Bzip2: TRY(check(archive_write_add_filter_bzip2(bytes_.get()), bytes_.get())); break;
        }
        if (input_.compression == Compression::Gzip) archive_write_set_filter_option(bytes_.get(), "gzip", "timestamp", nullptr);
        TRY(check(archive_write_set_format_raw(bytes_.get()), bytes_.get()));
        archive_write_set_bytes_per_block(bytes_.get(), static_cast<int>(piece));
        archive_write_set_bytes_in_last_block(bytes_.get(), 1);
        TRY(check(archive_write_open(bytes_.get(), this, nullptr, write_bytes, nullptr), bytes_.get()));
        Entry whole(archive_entry_new());
        archive_entry_set_filetype(whole.get(), AE_IFREG);
        return check(archive_write_header(bytes_.get(), whole.get()), bytes_.get());
    }

    static ssize_t write_tar(struct archive*, void* self, const void* bytes, size_t size) noexcept
    {
        auto& packing = *static_cast<Packing*>(self);
        packing.tar_hash_.add({static_cast<const char*>(bytes), size});
        if (!packing.bytes_) return packing.output(bytes, size);
        return archive_write_data(packing.bytes_.get(), bytes, size);
    }

    static ssize_t write_bytes(struct archive*, void* self, const void* bytes, size_t size) noexcept
    {
        return static_cast<Packing*>(self)->output(bytes, size);
    }

    ssize_t output(const void* bytes, size_t size)
    {
        const std::string_view text(static_cast<const char*>(bytes), size);
        output_hash_.add(text);
        packed_.size += size;
        if (auto written = write_all(input_.output, text); !written) {
            error_ = with_context(written.error(), "the archive");
            return -1;
        }
        return static_cast<ssize_t>(size);
    }

    // One folder of all the layers that have it, topmost first; what is below the last of them is hidden where `opaque` is set.
    struct Merged {
        std::vector<Fd> folders;
        bool opaque = false;
    };

    Result<> pack_top()
    {
        Merged top;
        top.folders.push_back(TRY(open_at(input_.tree, ".", O_RDONLY | O_DIRECTORY)));
        for (int layer : input_.below) {
            if (is_opaque(top.folders.back().get())) break;
            top.folders.push_back(TRY(open_at(layer, ".", O_RDONLY | O_DIRECTORY)));
        }
        top.opaque = is_opaque(top.folders.back().get());
        return pack_folder(top, "", 0);
    }

    Result<> pack_folder(const Merged& merged, const std::string& path, unsigned depth)
    {
        if (depth > max_depth) return error(Errc::Invalid, "folders are nested deeper than {}", max_depth);
        const int folder = merged.folders.front().get();
        struct stat status;
        if (::fstat(folder, &status)) return sys_error("cannot look at '{}'", printable(path));
        TRY(write_entry(path.empty() ? "./" : path + "/", status, kernel::path_of_descriptor(folder) + "/", {}));
        if (input_.whiteouts && merged.opaque) TRY(write_empty(path.empty() ? ".wh..wh..opq" : path + "/.wh..wh..opq", status));
        for (const std::string& name : TRY(names_of(merged)))
            TRY(pack_entry(merged, name, path.empty() ? name : fmt::format("{}/{}", path, name), depth));
        return {};
    }

    static Result<std::vector<std::string>> names_of(const Merged& merged)
    {
        std::vector<std::string> names;
        for (const Fd& folder : merged.folders) {
            FolderNames own = TRY(FolderNames::read(folder.get()));
            while (const char* name = TRY(own.next())) names.emplace_back(name);
        }
        if (merged.folders.size() == 1) return names;
        std::ranges::sort(names);
        names.erase(std::ranges::unique(names).begin(), names.end());
        return names;
    }

    static bool is_opaque(int folder)
    {
        char value = 0;
        return ::fgetxattr(folder, opaque_attribute, &value, 1) == 1 && value == 'y';
    }

    // The topmost that has the name. None, where overlayfs lists a whiteout that hides nothing: of a folder that has no other below it.
    static Result<std::optional<size_t>> find_layer(const Merged& merged, const std::string& name, const std::string& path,
                                                    struct stat& status)
    {
        for (size_t i = 0; i < merged.folders.size(); ++i) {
            if (::fstatat(merged.folders[i].get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) return std::optional(i);
            if (errno != ENOENT) return sys_error("cannot look at '{}'", printable(path));
        }
        return std::optional<size_t>();
    }

    // A folder of the layer `from`, with those of the same name below it, down to what hides the rest.
    static Result<Merged> merge(const Merged& above, size_t from, const std::string& name)
    {
        Merged merged;
        for (size_t i = from; i < above.folders.size() && !merged.opaque; ++i) {
            struct stat status;
            if (::fstatat(above.folders[i].get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW)) {
                if (errno == ENOENT) continue;
                return sys_error("cannot look at '{}'", printable(name));
            }
            merged.opaque = !S_ISDIR(status.st_mode);
            if (merged.opaque) break;
            merged.folders.push_back(TRY(open_at(above.folders[i].get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)));
            merged.opaque = is_opaque(merged.folders.back().get());
        }
        return merged;
    }

    Result<> pack_entry(const Merged& merged, const std::string& name, const std::string& path, unsigned depth)
    {
        struct stat status;
        const auto found = TRY(find_layer(merged, name, path, status));
        TRY(go_on_(0));
        if (!found) return {};
        const size_t layer = *found;
        if (S_ISDIR(status.st_mode)) {
            const Merged inner = TRY(merge(merged, layer, name));
            return pack_folder(inner, path, depth + 1);
        }
        if (S_ISCHR(status.st_mode) && status.st_rdev == 0)
            return input_.whiteouts && !merged.opaque ? write_whiteout(path, status) : Result<>();
        return pack_other(merged.folders[layer].get(), name, path, status);
    }

    // What is neither a folder nor a whiteout.
    Result<> pack_other(int folder, const std::string& name, const std::string& path, const struct stat& status)
    {
        if (S_ISSOCK(status.st_mode) || S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) return {};
        const std::string at = fmt::format("{}/{}", kernel::path_of_descriptor(folder), name);
        if (status.st_nlink > 1) {
            auto [first, fresh] = first_.try_emplace(status.st_ino, path);
            if (!fresh) return write_link(path, first->second, status);
        }
        if (S_ISREG(status.st_mode)) {
            Fd file = TRY(open_at(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
            return write_file(path, status, at, file.get());
        }
        std::string target;
        if (S_ISLNK(status.st_mode)) {
            target.resize(PATH_MAX);
            const ssize_t size = ::readlinkat(folder, name.c_str(), target.data(), target.size());
            if (size < 0) return sys_error("cannot read the link '{}'", printable(path));
            target.resize(static_cast<size_t>(size));
        }
        return write_entry(path, status, at, target);
    }

    static Entry new_entry(const std::string& path, const struct stat& status)
    {
        Entry entry(archive_entry_new());
        archive_entry_copy_stat(entry.get(), &status);
        archive_entry_set_pathname(entry.get(), path.c_str());
        archive_entry_unset_atime(entry.get());
        archive_entry_unset_ctime(entry.get());
        archive_entry_unset_birthtime(entry.get());
        return entry;
    }

    Result<> write_header(archive_entry* entry) { return check(archive_write_header(tar_.get(), entry), tar_.get()); }

    Result<> write_entry(const std::string& path, const struct stat& status, const std::string& at, const std::string& target)
    {
        Entry entry = new_entry(path, status);
        archive_entry_set_size(entry.get(), 0);
        if (S_ISLNK(status.st_mode)) archive_entry_set_symlink(entry.get(), target.c_str());
        else TRY(add_attributes(entry.get(), at));
        return write_header(entry.get());
    }

    Result<> write_empty(const std::string& path, const struct stat& status)
    {
        Entry entry(archive_entry_new());
        archive_entry_set_pathname(entry.get(), path.c_str());
        archive_entry_set_filetype(entry.get(), AE_IFREG);
        archive_entry_set_perm(entry.get(), 0644);
        archive_entry_set_size(entry.get(), 0);
        archive_entry_set_mtime(entry.get(), status.st_mtim.tv_sec, input_.nanoseconds ? status.st_mtim.tv_nsec : 0);
        return write_header(entry.get());
    }

    Result<> write_whiteout(const std::string& path, const struct stat& status)
    {
        const size_t slash = path.rfind('/') + 1;
        return write_empty(fmt::format("{}.wh.{}", path.substr(0, slash), path.substr(slash)), status);
    }

    Result<> write_link(const std::string& path, const std::string& first, const struct stat& status)
    {
        Entry entry = new_entry(path, status);
        archive_entry_set_size(entry.get(), 0);
        archive_entry_set_hardlink(entry.get(), first.c_str());
        return write_header(entry.get());
    }

    Result<> write_file(const std::string& path, const struct stat& status, const std::string& at, int file)
    {
        Entry entry = new_entry(path, status);
        TRY(add_attributes(entry.get(), at));
        const bool holes = status.st_blocks * 512 < status.st_size;
        if (holes) add_holes(entry.get(), file, status.st_size);
        TRY(write_header(entry.get()));
        // A writer of a sparse file takes all of it, and leaves the holes out itself.
        for (off_t left = status.st_size; left > 0;) {
            const ssize_t got = ::read(file, buffer_.get(), std::min<size_t>(piece, static_cast<size_t>(left)));
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) return sys_error("cannot read '{}'", printable(path));
            if (got == 0) return error(Errc::Busy, "'{}' was cut while it was read", printable(path));
            if (archive_write_data(tar_.get(), buffer_.get(), static_cast<size_t>(got)) < 0) return check(ARCHIVE_FATAL, tar_.get());
            left -= got;
            TRY(go_on_(static_cast<uint64_t>(got)));
        }
        return {};
    }

    static void add_holes(archive_entry* entry, int file, off_t size)
    {
        bool any = false;
        for (off_t at = 0; at < size;) {
            const off_t data = ::lseek(file, at, SEEK_DATA);
            if (data < 0) break;
            off_t end = ::lseek(file, data, SEEK_HOLE);
            if (end < 0 || end > size) end = size;
            archive_entry_sparse_add_entry(entry, data, end - data);
            any = true;
            at = end;
        }
        if (!any) archive_entry_sparse_add_entry(entry, size, 0);
        ::lseek(file, 0, SEEK_SET);
    }

    Result<> add_attributes(archive_entry* entry, const std::string& at)
    {
        const ssize_t size = ::llistxattr(at.c_str(), names_.get(), XATTR_LIST_MAX);
        if (size <= 0) return {};
        for (std::string_view name : split({names_.get(), static_cast<size_t>(size)}, '\0')) {
            if (!is_kept_attribute(name)) continue;
            const std::string key(name);
            std::string value(XATTR_SIZE_MAX, '\0');
            const ssize_t got = ::lgetxattr(at.c_str(), key.c_str(), value.data(), value.size());
            if (got < 0) return sys_error("cannot read an extended attribute");
            archive_entry_xattr_add_entry(entry, key.c_str(), value.data(), static_cast<size_t>(got));
        }
        return {};
    }

    const PackInput& input_;
    const GoOn& go_on_;
    Writer bytes_, tar_;
    std::unique_ptr<char[]> buffer_, names_;
    Sha256 tar_hash_, output_hash_;
    std::unordered_map<uint64_t, std::string> first_;  // names of files that have several
    std::optional<Error> error_;                       // of the output
    Packed packed_;
};

}  // namespace

std::optional<Compression> parse_compression(std::string_view text)
{
    for (auto& [name, compression] : compressions)
        if (text == name) return compression;
    return {};
}

Result<Packed> pack_tar(const PackInput& input, const GoOn& go_on)
{
    return Packing(input, go_on).run();
}

}  // namespace holm::image
