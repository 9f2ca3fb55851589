#!/usr/bin/python3
# SPDX-License-Identifier: MIT
#
# segment_line.py KEY LINE: whether the System V segment begins with the line.
import ctypes
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
libc.shmat.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
SHM_RDONLY = 0o10000

key = ctypes.c_int(int(sys.argv[1], 16))
line = sys.argv[2].encode() + b"\n"
address = libc.shmat(libc.shmget(key, len(line), 0), None, SHM_RDONLY)
if address in (None, ctypes.c_void_p(-1).value):
    sys.exit("there is no such segment of this length")
sys.exit(ctypes.string_at(address, len(line)) != line)
