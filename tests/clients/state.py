#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Prints what can be seen of the files in a directory, a line each.

Sorted by name: type, size, blocks, mode, owner, links, modification time,
data extents, hash of the data, then user xattrs. Times of the last minutes
are "now". Holes are skipped, so files of exabytes are cheap.
"""
import hashlib
import os
import stat
import sys
import time


def extents(fd, size):
    """Where the data is, as the file system tells."""
    end = 0
    while end < size:
        try:
            start = os.lseek(fd, end, os.SEEK_DATA)
        except OSError:  # ENXIO: only a hole is left
            return
        end = os.lseek(fd, start, os.SEEK_HOLE)
        yield start, end


def content(path, size):
    """The extents and the hash of what they hold."""
    digest = hashlib.sha256()
    where = []
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for start, end in extents(fd, size):
            where.append(f"{start}-{end}")
            while start < end:
                data = os.pread(fd, min(end - start, 1 << 20), start)
                if not data:
                    return f"SHORT READ at {start} of {end}"
                digest.update(data)
                start += len(data)
    finally:
        os.close(fd)
    if len(where) > 9:
        where[9:] = [f"and {len(where) - 9} more"]
    return f"data [{' '.join(where)}] {digest.hexdigest()[:16]}"


def when(seconds):
    """A time as the comparison wants it."""
    return "now" if -60 < time.time() - seconds < 900 else f"at {seconds}"


def describe(path):
    """One file's lines."""
    st = os.lstat(path)
    name = os.path.basename(path).encode(errors="surrogateescape")
    kind = stat.filemode(st.st_mode)
    print(f"{name!r} {kind} {st.st_mode:o} {st.st_size} bytes "
          f"{st.st_blocks} blocks {st.st_uid}:{st.st_gid} "
          f"{st.st_nlink} links {when(int(st.st_mtime))}",
          content(path, st.st_size) if stat.S_ISREG(st.st_mode) else "")
    for attr in sorted(os.listxattr(path, follow_symlinks=False)):
        if attr.startswith("user."):
            print("   ", attr, os.getxattr(path, attr))


def main():
    """state.py DIRECTORY"""
    for name in sorted(os.listdir(sys.argv[1])):
        describe(os.path.join(sys.argv[1], name))


main()
