#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""memmap.py MOUNT PREFIX

An array in an object, for some a SharedMemory by name, for others a
numpy.memmap of the file under the mount: what each sees of the others'
stores, by the rules of the mount's data path. Prints a line for each thing
that must hold; exits 1 if one does not.
"""
import os
import sys
import time
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory

import numpy as np

MOUNT, PREFIX = sys.argv[1:]
NATIVE = os.getxattr(MOUNT, "user.shmfs.io") == b"native"
SHAPE = (480, 640, 3)
COUNT = 480 * 640 * 3
TURNS = 5000
failures = 0


def holds(what, *conditions):
    """Notes whether all of them are true."""
    global failures
    good = all(bool(c) for c in conditions)
    failures += not good
    print("ok -" if good else "not ok -", what)


def path(name):
    """Of an object, under the mount."""
    return os.path.join(MOUNT, PREFIX + name)


def attach(name, **how):
    """The object by its name, as its users have it."""
    shm = SharedMemory(PREFIX + name, **how)
    if not how:  # or Python removes it when this process ends
        resource_tracker.unregister(shm._name, "shared_memory")
    return shm


def in_other_process(work, *args):
    """Runs work there; whether it returned something true."""
    pid = os.fork()
    if pid == 0:
        good = False
        try:
            good = work(*args)
        finally:
            os._exit(not good)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def reads(name, value):
    """Whether a new memmap of the whole object shows value everywhere."""
    m = np.memmap(path(name), np.uint16, "r", shape=SHAPE)
    return (m == value).all() and m.sum(dtype=np.int64) == COUNT * value


def stores(name, value):
    """Stores into a new memmap of the object, and lets go of it."""
    m = np.memmap(path(name), np.uint16, "r+", shape=SHAPE)
    m[:] = value
    del m
    return True


def shared_memory_first():
    """The object is there; files are opened anew for each look."""
    shm = attach("frame", create=True, size=COUNT * 2)
    frame = np.ndarray(SHAPE, np.uint16, shm.buf)
    for value in (1, 300, 7):
        frame[:] = value
        holds(f"{value} stored in the object: a memmap opened then has it",
              in_other_process(reads, "frame", value),
              reads("frame", value))
    for value in (8, 500):
        holds(f"{value} stored in a memmap that is closed: the object has it",
              in_other_process(stores, "frame", value),
              (frame == value).all())
    holds("the rest of a page beside a slice is kept", slices(frame))
    del frame
    shm.close()
    shm.unlink()
    holds("unlinked: the file is gone", not os.path.exists(path("frame")))


def slices(frame):
    """A memmap with an offset changes its own part only."""
    frame[:] = 9
    m = np.memmap(path("frame"), np.uint16, "r+", 2002, (10,))
    m[:] = 77
    m.flush()
    flat = frame.reshape(-1)
    return ((flat[1001:1011] == 77).all() and (flat[:1001] == 9).all()
            and (flat[1011:] == 9).all())


def held_mappings():
    """Both hold the array mapped all the time."""
    shm = attach("held", create=True, size=8192)
    mine = np.ndarray((1024,), np.int64, shm.buf)
    mine[:] = 1
    m = np.memmap(path("held"), np.int64, "r+", shape=(1024,))
    holds("a page touched first has what is there", (m == 1).all())
    mine[:] = 2
    if NATIVE:
        holds("a store into the object is seen in the memmap", (m == 2).all())
    else:
        holds("a store into the object is not seen in a page that is a copy",
              (m == 1).all())
        with open(path("held"), "rb"):
            holds("but it is once the file was opened anew", (m == 2).all())
    m[600:] = 3
    if NATIVE:
        holds("a store into the memmap is seen in the object",
              (mine[:600] == 2).all(), (mine[600:] == 3).all())
    else:
        holds("a store into the memmap stays in its copy", (mine == 2).all())
        m.flush()
        holds("flush() brings it into the object",
              (mine[:600] == 2).all(), (mine[600:] == 3).all())
    m[:] = 4
    del m
    holds("closing the memmap leaves all of it there", (mine == 4).all())
    m = np.memmap(path("held"), np.int64, "r+", shape=(1024,))
    holds("turns of two processes, both by memmap", ping_pong(m))
    if NATIVE:
        holds("turns of two processes, one by the object", ping_pong(mine))
    del m, mine
    shm.close()
    shm.unlink()


def ping_pong(mine):
    """One counts up the even numbers, one the odd ones by a new memmap."""
    mine[:] = 0
    pid = os.fork()
    if pid == 0:
        m = np.memmap(path("held"), np.int64, "r+", shape=(1024,))
        ok = takes_turns(m, 1)
        os._exit(not ok)
    ok = takes_turns(mine, 0)
    return os.waitpid(pid, 0)[1] == 0 and ok and mine[512] == TURNS


def takes_turns(cell, mine):
    """Adds one whenever the number is even (or odd), up to TURNS. Who waits
    lets the other have the CPU."""
    end = time.monotonic() + 40
    now = cell[512]
    while now < TURNS and time.monotonic() < end:
        if now % 2 == mine:
            cell[512] = now + 1
        else:
            os.sched_yield()
        now = cell[512]
    return now == TURNS


def memmap_first():
    """The file is made by numpy, and is an object."""
    m = np.memmap(path("made"), np.float64, "w+", shape=(1000, 8))
    m[:] = np.arange(8000).reshape(1000, 8)
    m.flush()
    shm = attach("made")
    there = np.ndarray((1000, 8), np.float64, shm.buf)
    holds("made by memmap: SharedMemory attaches it", shm.size == 64000,
          (there == m).all())
    there *= 2
    del there
    shm.close()
    m = np.memmap(path("made"), np.float64, "c", shape=(1000, 8))
    holds("opened copy-on-write it has what SharedMemory did",
          m[999, 7] == 15998)
    m[:] = 0
    del m
    shm = attach("made")
    there = np.ndarray((1000, 8), np.float64, shm.buf)
    holds("and changes nothing", there[999, 7] == 15998)
    del there
    shm.close()
    os.unlink(path("made"))


def array_files():
    """numpy's own files, written and mapped."""
    a = np.random.default_rng(7).random((300, 400))
    np.save(path("array.npy"), a)
    holds("np.save, np.load", (np.load(path("array.npy")) == a).all(),
          (np.load(f"/dev/shm/{PREFIX}array.npy") == a).all())
    m = np.load(path("array.npy"), mmap_mode="r+")
    m[7] = 0
    m.flush()
    del m
    holds("np.load(mmap_mode='r+') changes the object",
          (np.load(f"/dev/shm/{PREFIX}array.npy")[7] == 0).all())
    a.tofile(path("raw"))
    holds("tofile, fromfile", (np.fromfile(path("raw")) == a.ravel()).all())
    np.savez(path("pair.npz"), a=a, b=a[1])
    with np.load(path("pair.npz")) as z:
        holds("savez", (z["b"] == a[1]).all())
    for name in ("array.npy", "raw", "pair.npz"):
        os.unlink(path(name))


def growing():
    """An object that gets longer is mapped anew, with its new part."""
    with open(f"/dev/shm/{PREFIX}grow", "wb") as f:
        np.arange(1000, dtype=np.int32).tofile(f)
    first = np.memmap(path("grow"), np.int32, "r")
    with open(f"/dev/shm/{PREFIX}grow", "ab") as f:
        np.arange(1000, 5000, dtype=np.int32).tofile(f)
    second = np.memmap(path("grow"), np.int32, "r")
    holds("a memmap has the size the object has then", first.size == 1000,
          second.size == 5000)
    holds("and its data", (first == np.arange(1000)).all(),
          (second == np.arange(5000)).all())
    os.unlink(path("grow"))


shared_memory_first()
held_mappings()
memmap_first()
array_files()
growing()
sys.exit(failures != 0)
