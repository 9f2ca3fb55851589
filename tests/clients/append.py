#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""append.py FILE LINE: grows FILE with ftruncate and stores LINE through a
shared mapping, as programs that use shm_open do."""
import mmap
import os
import sys

line = sys.argv[2].encode() + b"\n"
fd = os.open(sys.argv[1], os.O_RDWR)
size = os.fstat(fd).st_size
os.ftruncate(fd, size + len(line))
with mmap.mmap(fd, size + len(line)) as m:
    m[size:] = line
os.close(fd)
