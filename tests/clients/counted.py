# SPDX-License-Identifier: MIT
#
# counted.py OPERATION FILE [ARGUMENT...]: does one thing a known number of
# times, with the system call itself and no other on the mount but open(2).
import mmap
import os
import sys


def repeat(times, call, *args):
    for _ in range(int(times)):
        try:
            call(*args)
        except OSError:
            pass


def make(path, size):
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    os.ftruncate(fd, int(size))
    os.close(fd)


def read(path, times, size, *more):
    fd = os.open(path, os.O_RDONLY)
    others = [os.open(other, os.O_RDONLY) for other in more]
    repeat(times, os.pread, fd, int(size), 10)
    for each in [fd] + others:
        os.close(each)


def write(path, times, size):
    fd = os.open(path, os.O_WRONLY)
    repeat(times, os.pwrite, fd, b"x" * int(size), 10)
    os.close(fd)


def copy(path, size):
    fd = os.open(path, os.O_RDWR)
    os.copy_file_range(fd, fd, int(size), 0, 50000)
    os.close(fd)


def seek(path):
    fd = os.open(path, os.O_RDONLY)
    os.lseek(fd, 0, os.SEEK_HOLE)
    os.close(fd)


def store(path):
    fd = os.open(path, os.O_RDWR)
    mapping = mmap.mmap(fd, 4096)
    mapping[5] = 1
    mapping.flush()
    mapping.close()
    os.close(fd)


operation, name, *arguments = sys.argv[1:]
{
    "make": make,
    "read": read,
    "write": write,
    "copy": copy,
    "seek": seek,
    "map": store,
    "unlink": lambda path, times: repeat(times, os.unlink, path),
    "mkdir": lambda path, times: repeat(times, os.mkdir, path),
    "stat": lambda path, times: repeat(times, os.stat, path),
    "truncate": lambda path, times: repeat(times, os.truncate, path, 100000),
}[operation](name, *arguments)
