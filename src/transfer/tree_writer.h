// Writes entries as files below a folder, each opened or made below its own folder without following a link of theirs. A file appears
// whole, under its name, or not at all. Applies; outside.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "machine/id_range.h"
#include "transfer/entry.h"

namespace holm::transfer {

enum class Existing { Refuse, Replace };
enum class Privileged { Keep, Strip };  // setuid, setgid and file capabilities of what a machine has made

struct TreeWriting {
    int root = -1;       // where links of the destination that were there before may lead: the machine's root, with `prefix` below it;
    std::string prefix;  // -1: they are refused, and entries go below `folder`
    int folder = -1;
    std::string shown;       // the folder as the caller knows it, and whose it is: for errors
    std::string owner;       // " of machine 'web'", or ""
    std::string name;        // of the first entry, where it is one file or tree; "": entries' own paths
    machine::IdRange range;  // whose files they become
    Existing existing = Existing::Refuse;
    Privileged privileged = Privileged::Keep;
    std::function<void(std::string_view path)> looking_at;
};

class TreeWriter : public Sink {
public:
    explicit TreeWriter(TreeWriting writing) : writing_(std::move(writing)) {}
    TreeWriter(const TreeWriter&) = delete;
    TreeWriter& operator=(const TreeWriter&) = delete;
    ~TreeWriter() override;  // takes back the file that is being written, and a tree that was to be new

    Result<> add(const Entry& entry) override;
    Result<> write(uint64_t offset, std::string_view bytes) override;
    Result<> close_entry() override;
    Result<> finish() override;

    const Skipped& skipped() const { return skipped_; }

private:
    struct Place {
        int folder = -1;   // borrowed, of parent_
        std::string name;  // in it
    };
    struct LateFolder {
        std::string path;
        Entry entry;
    };
    std::string place_path(const std::string& path) const;
    std::string shown(const std::string& path) const;
    Result<Fd> open_folder(const std::string& path) const;
    Result<Fd> make_folder(const std::string& path);
    Result<Place> find_place(const std::string& path);
    Result<> add_folder(const Entry& entry);
    Result<> add_file(const Entry& entry);
    Result<> add_link(const Entry& entry);
    Result<> put_in_place(const Place& place, const std::string& path);
    Result<> set_owner(int file, const Entry& entry);
    Result<> set_all(int file, const Entry& entry);
    Result<> set_attributes(int file, const Entry& entry);

    TreeWriting writing_;
    std::string parent_path_;  // the folder that was needed last
    Fd parent_;
    Fd file_;  // that is being written, under `temporary_` in parent_
    std::string temporary_;
    Entry entry_;
    std::string made_top_;             // a folder that this has made as the top of a tree: taken away again unless finish() is reached
    std::vector<LateFolder> folders_;  // mode, owner and time: once nothing is written below them any more
    uint64_t counter_ = 0, written_ = 0, told_ = 0;
    Skipped skipped_;
};

}  // namespace holm::transfer
