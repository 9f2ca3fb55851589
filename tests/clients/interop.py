#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""interop.py MOUNT PREFIX SHM_OBJECT

Three parties use the same objects: Python's SharedMemory, a C program with
shm_open(3) and mmap(2), and files under the mount. Whatever one of them
changes, the other two, and itself, must see at once. Prints a line for each
kind of change by each party; exits 1 if any saw something else.
"""
import os
import subprocess
import sys
from multiprocessing import resource_tracker, shared_memory

MOUNT, PREFIX, SHM_OBJECT = sys.argv[1:]
SHM = "/dev/shm"
failures = 0


def keep(name):
    """Tells Python not to remove the object when this process ends."""
    resource_tracker.unregister("/" + name, "shared_memory")


class Python:
    """multiprocessing.shared_memory; what it lacks, as its users would."""

    @staticmethod
    def create(name, size):
        """Python's own mode is 0600."""
        shared_memory.SharedMemory(name, create=True, size=size).close()
        keep(name)

    @staticmethod
    def store(name, offset, data):
        """Into the buffer."""
        memory = shared_memory.SharedMemory(name)
        memory.buf[offset:offset + len(data)] = data
        memory.close()
        keep(name)

    @staticmethod
    def load(name, offset, length):
        """From the buffer."""
        memory = shared_memory.SharedMemory(name)
        data = bytes(memory.buf[offset:offset + length])
        memory.close()
        keep(name)
        return data

    @staticmethod
    def size(name):
        """As SharedMemory knows it."""
        memory = shared_memory.SharedMemory(name)
        size = memory.size
        memory.close()
        keep(name)
        return size

    @staticmethod
    def remove(name):
        """unlink() also tells the tracker."""
        memory = shared_memory.SharedMemory(name)
        memory.close()
        memory.unlink()

    @staticmethod
    def exists(name):
        """Whether it can be attached to."""
        try:
            Python.size(name)
            return True
        except FileNotFoundError:
            return False


class Program:
    """The C program."""

    @staticmethod
    def run(*words):
        """Its output; FileNotFoundError for ENOENT."""
        done = subprocess.run((SHM_OBJECT,) + words, stdout=subprocess.PIPE,
                              check=False)
        if done.stdout == b"ENOENT":
            raise FileNotFoundError(words[1])
        assert done.returncode == 0, (words, done.stdout)
        return done.stdout

    @staticmethod
    def create(name, size):
        """With the mode that Python uses."""
        Program.run("create", "/" + name, str(size), "600")

    @staticmethod
    def store(name, offset, data):
        """Into the mapping."""
        Program.run("store", "/" + name, str(offset), data.decode())

    @staticmethod
    def load(name, offset, length):
        """From the mapping."""
        return Program.run("load", "/" + name, str(offset), str(length))

    @staticmethod
    def stat(name):
        """(size, mode)"""
        size, mode, _ = Program.run("stat", "/" + name).split()
        return int(size), int(mode, 8)

    @staticmethod
    def size(name):
        """fstat of what shm_open opened."""
        return Program.stat(name)[0]

    @staticmethod
    def mode(name):
        """The same's mode."""
        return Program.stat(name)[1]

    @staticmethod
    def resize(name, size):
        """ftruncate"""
        Program.run("resize", "/" + name, str(size))

    @staticmethod
    def chmod(name, mode):
        """fchmod"""
        Program.run("chmod", "/" + name, oct(mode)[2:])

    @staticmethod
    def rename(name, to):
        """There is no shm_rename: what programs do instead."""
        os.rename(f"{SHM}/{name}", f"{SHM}/{to}")

    @staticmethod
    def remove(name):
        """shm_unlink"""
        Program.run("unlink", "/" + name)

    @staticmethod
    def exists(name):
        """Whether shm_open finds it."""
        try:
            Program.stat(name)
            return True
        except FileNotFoundError:
            return False


class Mount:
    """Files."""

    @staticmethod
    def path(name):
        """Under the mount."""
        return f"{MOUNT}/{name}"

    @staticmethod
    def create(name, size):
        """open and ftruncate"""
        fd = os.open(Mount.path(name), os.O_RDWR | os.O_CREAT | os.O_EXCL,
                     0o600)
        os.ftruncate(fd, size)
        os.close(fd)

    @staticmethod
    def store(name, offset, data):
        """pwrite"""
        fd = os.open(Mount.path(name), os.O_RDWR)
        assert os.pwrite(fd, data, offset) == len(data)
        os.close(fd)

    @staticmethod
    def load(name, offset, length):
        """pread"""
        fd = os.open(Mount.path(name), os.O_RDONLY)
        data = os.pread(fd, length, offset)
        os.close(fd)
        return data

    @staticmethod
    def size(name):
        """stat"""
        return os.stat(Mount.path(name)).st_size

    @staticmethod
    def mode(name):
        """stat"""
        return os.stat(Mount.path(name)).st_mode & 0o7777

    @staticmethod
    def resize(name, size):
        """truncate"""
        os.truncate(Mount.path(name), size)

    @staticmethod
    def chmod(name, mode):
        """chmod"""
        os.chmod(Mount.path(name), mode)

    @staticmethod
    def rename(name, to):
        """rename"""
        os.rename(Mount.path(name), Mount.path(to))

    @staticmethod
    def remove(name):
        """unlink"""
        os.unlink(Mount.path(name))

    @staticmethod
    def exists(name):
        """By lookup and by listing, which must agree."""
        listed = os.listdir(MOUNT).count(name)
        found = os.path.exists(Mount.path(name))
        assert listed == found, (name, "listed", listed, "found", found)
        return found


PARTIES = (Python, Program, Mount)


def expect(what, want, get, *args):
    """All parties that can tell say `want`."""
    global failures
    for seer in PARTIES:
        call = getattr(seer, get, None)
        if call is None:
            continue
        got = call(*args)
        if got != want:
            failures += 1
            print(f"not ok - {what}: {seer.__name__} sees {got!r}, "
                  f"not {want!r}")


def scenario(actor, name):
    """All that one party can change, seen by all."""
    who = actor.__name__
    expect(f"before {who} creates it", False, "exists", name)
    actor.create(name, 5000)
    expect(f"{who} creates", True, "exists", name)
    expect(f"{who} creates", 5000, "size", name)
    expect(f"{who} creates", 0o600, "mode", name)
    expect(f"{who} creates", bytes(5000), "load", name, 0, 5000)
    for round_ in range(3):
        data = f"{who} was here, time {round_}".encode()
        actor.store(name, 4090, data)
        expect(f"{who} stores", data, "load", name, 4090, len(data))
    if hasattr(actor, "resize"):
        for size in (4094, 1, 9000, 123456):
            actor.resize(name, size)
            expect(f"{who} resizes", size, "size", name)
        expect(f"{who} resizes", bytes(9000 - 4096), "load", name, 4096,
               9000 - 4096)
    if hasattr(actor, "chmod"):
        for mode in (0o640, 0o4666, 0o600):
            actor.chmod(name, mode)
            expect(f"{who} changes the mode", mode, "mode", name)
    if hasattr(actor, "rename"):
        actor.create(name + "2", 77)
        actor.rename(name, name + "2")
        expect(f"{who} renames", False, "exists", name)
        expect(f"{who} renames", 123456, "size", name + "2")
        actor.rename(name + "2", name)
        expect(f"{who} renames back", True, "exists", name)
        expect(f"{who} renames back", False, "exists", name + "2")
    for again in range(3):
        actor.remove(name)
        expect(f"{who} removes", False, "exists", name)
        actor.create(name, 100 + again)
        expect(f"{who} creates anew", 100 + again, "size", name)
    actor.remove(name)
    print(f"ok - what {who} does is seen" if not failures else
          f"not ok - what {who} does")


def attached():
    """One SharedMemory stays attached while the others write and remove."""
    name = PREFIX + "attached"
    memory = shared_memory.SharedMemory(name, create=True, size=8192)
    Mount.store(name, 8000, b"by the mount")
    expect("attached", b"by the mount", "load", name, 8000, 12)
    assert bytes(memory.buf[8000:8012]) == b"by the mount"
    memory.buf[0:6] = b"python"
    expect("attached", b"python", "load", name, 0, 6)
    fd = os.open(Mount.path(name), os.O_RDWR)
    Mount.remove(name)
    expect("removed while attached", False, "exists", name)
    memory.buf[10:14] = b"late"
    assert os.pread(fd, 4, 10) == b"late"
    os.pwrite(fd, b"later", 20)
    assert bytes(memory.buf[20:25]) == b"later"
    assert os.fstat(fd).st_nlink == 0
    os.close(fd)
    memory.close()
    print("ok - an attached object, removed through the mount, lives on")


def main():
    """All parties, then an attached object."""
    for number, actor in enumerate(PARTIES):
        scenario(actor, f"{PREFIX}object{number}")
    attached()
    sys.exit(failures != 0)


main()
