#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""postgres_segments.py MOUNT control|parallel|any

Reads and maps all of PostgreSQL's dynamic segments through the mount, and
exits 0 if there is the one asked for: the control segment, which lists the
others, or that of a parallel query, which several processes have mapped.
Segments may go at any time.
"""
import mmap
import os
import struct
import sys

CONTROL = struct.pack("<I", 0x9A503D32)  # storage/ipc/dsm.c
PARALLEL = struct.pack("<Q", 0x50477C7C)  # access/transam/parallel.c
MOUNT, KIND = sys.argv[1:]


def read(name):
    """What is in a segment, both ways; nothing if it has gone, or has not
    got a size yet."""
    try:
        with open(os.path.join(MOUNT, name), "rb") as f:
            size = os.fstat(f.fileno()).st_size
            if size == 0:
                return b""
            data = f.read()
            assert len(data) == size, (name, len(data), size)
            with mmap.mmap(f.fileno(), size, prot=mmap.PROT_READ) as m:
                assert len(m[:]) == size
                if data[:4] == CONTROL:
                    assert m[:4] == CONTROL
            return data
    except FileNotFoundError:
        return b""


def mappers(name):
    """How many processes have a segment mapped."""
    count = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
                count += f"/{name}\n" in maps.read()
        except OSError:  # gone, or another user's
            pass
    return count


def main():
    """All of it."""
    names = [n for n in os.listdir(MOUNT) if n.startswith("PostgreSQL.")]
    segments = {name: read(name) for name in names}
    control = [d for d in segments.values() if d.startswith(CONTROL)]
    parallel = {n: d for n, d in segments.items() if d.startswith(PARALLEL)}
    assert len(control) <= 1
    if KIND == "any":
        return True
    if KIND == "control":
        return len(control) == 1
    # by its handle, a number: the one in its name is in the control segment
    return any(struct.pack("<I", int(name.split(".")[1])) in control[0]
               and mappers(name) > 1 for name in parallel)


sys.exit(not main())
