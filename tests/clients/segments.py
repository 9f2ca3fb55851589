#!/usr/bin/python3
# SPDX-License-Identifier: MIT
#
# segments.py COUNT SEED: makes that many System V segments, with and without
# keys, of several users, sizes and modes, some marked for removal. Keeps what
# is attached until it is told to end.
import ctypes
import os
import random
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
libc.shmat.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
libc.shmget.argtypes = [ctypes.c_int, ctypes.c_size_t, ctypes.c_int]
IPC_CREAT, IPC_EXCL, IPC_RMID = 0o1000, 0o2000, 0


def fail(what):
    sys.exit(f"{what}: {os.strerror(ctypes.get_errno())}")


def make(rng):
    key = 0 if rng.random() < 0.3 else rng.randrange(1, 1 << 32)
    uid = rng.choice([0, 1, 2, 4242, 65534])
    size = rng.randrange(1, 100000)
    flags = IPC_CREAT | IPC_EXCL | rng.randrange(0o1000)
    os.setresgid(-1, uid, -1)
    os.setresuid(-1, uid, -1)
    shmid = libc.shmget(ctypes.c_int(key), size, flags)
    os.setresuid(-1, 0, -1)
    os.setresgid(-1, 0, -1)
    if shmid < 0:
        fail("shmget")
    if rng.random() < 0.1:
        if libc.shmat(shmid, None, 0) in (None, ctypes.c_void_p(-1).value):
            fail("shmat")
        if rng.random() < 0.5 and libc.shmctl(shmid, IPC_RMID, None):
            fail("shmctl")


def main():
    rng = random.Random(int(sys.argv[2]))
    for _ in range(int(sys.argv[1])):
        make(rng)
    print("made", flush=True)
    sys.stdin.read()


main()
