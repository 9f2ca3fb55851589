#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Shares an object's memory with a process in a container, by mmap alone.

container.py OBJECT PATH COMMAND...: makes OBJECT (a path in /dev/shm) and maps
it; has COMMAND run a second Python, which maps PATH, what OBJECT is called
there. Then they take turns: each stores a number and says "look", nothing
else, and the other must find it in its mapping. Exit status 0 if both do.
"""
import mmap
import os
import subprocess
import sys

SIZE = 3 * 4096
ROUNDS = 200

INSIDE = """
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
m = mmap.mmap(fd, os.fstat(fd).st_size)
os.close(fd)
print("mapped", flush=True)
for line in sys.stdin:
    n = int(line)
    seen = m[n]
    m[8192 + n] = 255 - n
    print(seen, flush=True)
"""


def answer(child):
    line = child.stdout.readline().strip()
    if not line:
        sys.exit(f"the container's process ended: {child.wait()}")
    return line


def main():
    path, inside, command = sys.argv[1], sys.argv[2], sys.argv[3:]
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    os.ftruncate(fd, SIZE)
    memory = mmap.mmap(fd, SIZE)
    child = subprocess.Popen(
        command + ["/usr/bin/python3", "-c", INSIDE, inside],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if answer(child) != "mapped":
        sys.exit("nothing is mapped")
    for n in range(ROUNDS):
        memory[n] = n + 1
        print(n, file=child.stdin, flush=True)
        seen = int(answer(child))
        if seen != n + 1:
            sys.exit(f"round {n}: the container sees {seen}")
        if memory[8192 + n] != 255 - n:
            sys.exit(f"round {n}: it stored, and {memory[8192 + n]} is here")
    child.stdin.close()
    sys.exit(child.wait())


main()
