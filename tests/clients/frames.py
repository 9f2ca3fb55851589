#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""frames.py MOUNT PREFIX

A producer stores raw frames into an object by its mapping; consumers that
know only the file under the mount, ffmpeg and a mapping, must see the frame
that is there. Prints a line for each thing that must hold; exits 1 if one
does not.
"""
import hashlib
import mmap
import os
import subprocess
import sys
from multiprocessing.shared_memory import SharedMemory

MOUNT, PREFIX = sys.argv[1:]
NATIVE = os.getxattr(MOUNT, "user.shmfs.io") == b"native"
WIDTH, HEIGHT = 320, 240
SIZE = WIDTH * HEIGHT * 3
RAW = ("-f", "rawvideo", "-pixel_format", "rgb24",
       "-video_size", f"{WIDTH}x{HEIGHT}", "-framerate", "25")
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


def frame(number):
    """A picture that no other number gives."""
    row = bytes((x * 7 + number * 31 + c) % 256
                for x in range(WIDTH) for c in range(3))
    return b"".join(row[y * 3 % SIZE:] + row[:y * 3 % SIZE]
                    for y in range(HEIGHT))


def md5(*frames):
    """Of each frame, as ffmpeg prints them."""
    return [hashlib.md5(f).hexdigest() for f in frames]


def ffmpeg(*args):
    """Runs it; what it prints."""
    run = subprocess.run(("ffmpeg", "-nostdin", "-v", "error", "-y") + args,
                         stdout=subprocess.PIPE, check=True, timeout=60)
    return run.stdout.decode()


def decoded(*source):
    """The sums of the frames that ffmpeg finds in a source."""
    text = ffmpeg(*source, "-map", "0:v", "-pix_fmt", "rgb24",
                  "-c:v", "rawvideo", "-f", "framemd5", "-")
    return [line.split(",")[-1].strip() for line in text.splitlines()
            if not line.startswith("#")]


def mapped(name):
    """The same through a mapping of the file, opened for this."""
    with open(path(name), "rb") as f:
        with mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as m:
            return md5(*(m[i:i + SIZE] for i in range(0, len(m), SIZE)))


def one_frame():
    """The producer keeps the latest frame; consumers come by."""
    shm = SharedMemory(PREFIX + "latest", create=True, size=SIZE)
    held = open(path("latest"), "rb")
    live = mmap.mmap(held.fileno(), SIZE, prot=mmap.PROT_READ)
    good = []
    for number in range(6):
        shm.buf[:] = frame(number)
        expected = md5(frame(number))
        if NATIVE:  # a mapping that stays
            good.append(md5(live[:]) == expected)
        good.append(decoded(*RAW, "-i", path("latest")) == expected)
        good.append(mapped("latest") == expected)
    holds("each frame is read by ffmpeg and by a mapping", *good)
    holds("read again and again by one ffmpeg",
          decoded("-stream_loop", "4", *RAW, "-i", path("latest"))
          == md5(frame(5)) * 5)
    live.close()
    held.close()
    shm.close()
    shm.unlink()


def ring():
    """Many frames in one object; one of them is left out by its offset."""
    shm = SharedMemory(PREFIX + "ring", create=True, size=30 * SIZE)
    for number in range(30):
        shm.buf[number * SIZE:(number + 1) * SIZE] = frame(number)
    expected = md5(*map(frame, range(30)))
    holds("a ring of frames: ffmpeg reads all",
          decoded(*RAW, "-i", path("ring")) == expected)
    holds("so does a mapping", mapped("ring") == expected)
    holds("ffmpeg begins in the middle",
          decoded("-skip_initial_bytes", str(7 * SIZE), *RAW, "-i",
                  path("ring")) == expected[7:])
    shm.close()
    return shm, expected


def files(expected):
    """What ffmpeg writes, from the ring into the mount."""
    for name, codec in (("film.mkv", ("-c:v", "ffv1")),
                        ("film.nut", ("-c:v", "rawvideo")),
                        ("film.mov", ("-c:v", "png", "-movflags",
                                      "+faststart"))):
        ffmpeg(*RAW, "-i", path("ring"), *codec, path(name))
        holds(f"{name}: written to the mount and read from it",
              decoded("-i", path(name)) == expected)
        holds(f"{name}: the same from /dev/shm",
              decoded("-i", f"/dev/shm/{PREFIX}{name}") == expected)
        os.unlink(path(name))
    ffmpeg(*RAW, "-i", path("ring"), path("%03d.ppm"))
    holds("30 pictures, each an object",
          len([n for n in os.listdir("/dev/shm") if n.endswith(".ppm")]) == 30,
          decoded("-framerate", "25", "-i", path("%03d.ppm")) == expected)
    for number in range(1, 31):
        os.unlink(path(f"{number:03d}.ppm"))


def own_mapping():
    """ffmpeg maps the file of commands that a filter is given."""
    with open(path("commands"), "w", encoding="ascii") as f:
        f.write("0.0 vflip enable 1;\n" * 500 + "0.2 hue s 0;\n")
    args = (*RAW, "-i", path("ring"), "-vf")
    plain = decoded(*args, "hue=s=1")
    changed = decoded(*args, f"sendcmd=f={path('commands')},hue=s=1")
    holds("commands that ffmpeg maps have their effect",
          changed[:5] == plain[:5], changed[5:] != plain[5:],
          len(changed) == 30)
    os.unlink(path("commands"))


one_frame()
kept, sums = ring()
files(sums)
own_mapping()
kept.unlink()
sys.exit(failures != 0)
