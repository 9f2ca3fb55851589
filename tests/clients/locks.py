#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""fcntl(2) locks, of processes and of open files, between several processes
in the current directory; prints what is granted and what is refused."""
import errno
import fcntl
import os
import signal
import struct

F_OFD_SETLK = 37
NAME = "locked"


def lock_struct(kind, start, length):
    """A struct flock, 64 bits."""
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, start, length, 0)


def attempt(fd, command, kind, start, length):
    """Tries to lock; the outcome."""
    try:
        fcntl.fcntl(fd, command, lock_struct(kind, start, length))
        return "granted"
    except OSError as error:
        return errno.errorcode[error.errno]


def holder(fd, kind, start, length):
    """What F_GETLK says: kind and range, and whether it names the holder."""
    answer = fcntl.fcntl(fd, fcntl.F_GETLK, lock_struct(kind, start, length))
    kind, _, start, length, pid = struct.unpack("hhqqi4x", answer)
    if kind == fcntl.F_UNLCK:
        return "free"
    return f"kind {kind} at {start}+{length} parent {pid == os.getppid()}"


def child(work):
    """Runs work(fd) in another process with its own open file."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        fd = os.open(NAME, os.O_RDWR)
        os.write(w, repr(work(fd)).encode())
        os._exit(0)
    os.close(w)
    with os.fdopen(r) as answer:
        print("   other process:", answer.read())
    os.waitpid(pid, 0)


def ranges(fd):
    """Conflicts by range and kind."""
    lock, rd, wr = fcntl.F_SETLK, fcntl.F_RDLCK, fcntl.F_WRLCK
    print("write 10+10:", attempt(fd, lock, wr, 10, 10))
    print("read 100+0:", attempt(fd, lock, rd, 100, 0))
    child(lambda f: [attempt(f, lock, kind, start, length)
                     for kind in (rd, wr)
                     for start, length in ((0, 10), (0, 11), (19, 1),
                                           (20, 80), (99, 2), (1 << 40, 1))])
    child(lambda f: [holder(f, wr, 0, 0), holder(f, rd, 50, 0),
                     holder(f, wr, 50, 0), holder(f, wr, 0, 5)])
    print("unlock 12+3:", attempt(fd, lock, fcntl.F_UNLCK, 12, 3))
    child(lambda f: [attempt(f, lock, wr, i, 1) for i in range(9, 21)])
    print("upgrade:", attempt(fd, lock, wr, 100, 0))
    child(lambda f: attempt(f, lock, rd, 200, 1))


def closing(fd):
    """Closing any descriptor of the file gives the process's locks up."""
    print("whole:", attempt(fd, fcntl.F_SETLK, fcntl.F_WRLCK, 0, 0))
    child(lambda f: attempt(f, fcntl.F_SETLK, fcntl.F_WRLCK, 0, 1))
    os.close(os.open(NAME, os.O_RDONLY))
    child(lambda f: attempt(f, fcntl.F_SETLK, fcntl.F_WRLCK, 0, 1))


def open_file_locks(fd):
    """Locks of the open file are not given up so."""
    print("ofd:", attempt(fd, F_OFD_SETLK, fcntl.F_WRLCK, 0, 0))
    other = os.open(NAME, os.O_RDWR)
    print("ofd of another:", attempt(other, F_OFD_SETLK, fcntl.F_RDLCK, 0, 0))
    print("process against ofd:",
          attempt(fd, fcntl.F_SETLK, fcntl.F_RDLCK, 0, 0))
    os.close(other)
    child(lambda f: attempt(f, F_OFD_SETLK, fcntl.F_RDLCK, 0, 0))
    os.close(fd)
    child(lambda f: attempt(f, F_OFD_SETLK, fcntl.F_WRLCK, 0, 0))


def waiting():
    """F_SETLKW waits, is interrupted by the holder's death, and sees a
    deadlock."""
    ready, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        fd = os.open(NAME, os.O_RDWR)
        fcntl.lockf(fd, fcntl.LOCK_EX, 1, 0)
        os.write(tell, b"x")
        signal.pause()
    os.read(ready, 1)
    fd = os.open(NAME, os.O_RDWR)
    print("held:", attempt(fd, fcntl.F_SETLK, fcntl.F_WRLCK, 0, 1))
    os.kill(pid, signal.SIGKILL)
    fcntl.lockf(fd, fcntl.LOCK_EX, 1, 0)
    os.waitpid(pid, 0)
    print("got after the holder's death")
    os.close(fd)


def deadlock():
    """Two processes, each waiting for the other's byte: one is told."""
    ready, tell = os.pipe()
    fd = os.open(NAME, os.O_RDWR)
    fcntl.lockf(fd, fcntl.LOCK_EX, 1, 0)
    pid = os.fork()
    if pid == 0:
        mine = os.open(NAME, os.O_RDWR)
        fcntl.lockf(mine, fcntl.LOCK_EX, 1, 1)
        os.write(tell, b"x")
        refused = False
        try:
            fcntl.lockf(mine, fcntl.LOCK_EX, 1, 0)
        except OSError as error:
            refused = error.errno == errno.EDEADLK
        os._exit(refused)
    os.read(ready, 1)
    refused = False
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX, 1, 1)
    except OSError as error:
        refused = error.errno == errno.EDEADLK
    os.close(fd)
    status = os.waitpid(pid, 0)[1]
    print("deadlock seen once:", refused != bool(os.WEXITSTATUS(status)))


def main():
    """All of it."""
    fd = os.open(NAME, os.O_RDWR | os.O_CREAT, 0o644)
    ranges(fd)
    closing(fd)
    open_file_locks(fd)
    waiting()
    deadlock()
    fd = os.open(NAME, os.O_RDONLY)
    print("write lock, opened for reading:",
          attempt(fd, fcntl.F_SETLK, fcntl.F_WRLCK, 0, 0))
    for command in (fcntl.LOCK_SH, fcntl.LOCK_EX | fcntl.LOCK_NB):
        fcntl.flock(fd, command)
    print("flock, opened for reading: granted")
    os.unlink(NAME)


main()
