// HashedFiles: digests of files of a layer that is still being filled, each made as soon as its file is whole. Reads; outside.
//
// Who fills the layer is not trusted: a digest holds for as long as the file has not changed since it was made, by its time of last change
// (ctime), which nobody sets. What was changed within a clock tick of the digest could look unchanged: a file is read when that is over.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "image/file_hash.h"

namespace holm::image {

class HashedFiles {
public:
    // Digests the files whose paths, each with a NUL, come out of the pipe, until its end, and has the large ones written to disk
    // meanwhile. What cannot be read, or is too much to remember, is passed over.
    void follow(int tree, int pipe);

    const FileDigest* find(const struct stat& status) const;

private:
    struct Known {
        ino_t inode;
        timespec changed;
        FileDigest digest;
    };
    void digest(int tree, std::string_view path);

    FileHasher hasher_;
    std::vector<Known> known_;  // by inode, once all are there
};

// The other end, in the confined child: tells which files are whole. What the pipe does not hold is not told.
class WholeFiles {
public:
    explicit WholeFiles(int pipe) : pipe_(pipe) {}  // non-blocking; -1: nobody wants to know
    void add(std::string_view path, uint64_t size);

private:
    void flush();
    int pipe_;
    std::string names_;  // that are still to be told
};

}  // namespace holm::image
