#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Uses the file API of Python in the current directory and prints what
happens, so that the output in one directory can be compared with another's.
"""
import errno
import mmap
import os
import shutil
import stat
import tempfile


def show(what, call, *args, **kwargs):
    """Prints the result of a call, or its errno."""
    try:
        result = call(*args, **kwargs)
    except (OSError, ValueError) as error:
        number = getattr(error, "errno", None)
        result = errno.errorcode.get(number, str(error))
    print(f"{what}: {result!r}")


def content(name):
    """All of a file."""
    with open(name, "rb") as f:
        return f.read()


def open_modes():
    """Each mode of open(), on a file that is there and one that is not."""
    for mode in ("r", "r+", "w", "w+", "a", "a+", "x", "x+"):
        for name in ("there", "missing"):
            with open("there", "wb") as f:
                f.write(b"0123456789")
            try:
                with open(name, mode + "b", buffering=0) as f:
                    print(mode, name, "at", f.tell(), end=" ")
                    if "+" in mode or mode != "r":
                        f.write(b"abc")
                    if "+" in mode or mode == "r":
                        print(f.read(), end=" ")
                        f.seek(0)
                        print(f.read(), end=" ")
                    print("size", os.fstat(f.fileno()).st_size, end=" ")
                print(content(name))
            except OSError as error:
                print(mode, name, errno.errorcode[error.errno])
            if os.path.exists("missing"):
                os.unlink("missing")


def open_flags():
    """os.open() with flags that tools use, for what must be told apart."""
    names = ("O_RDONLY", "O_WRONLY", "O_RDWR", "O_CREAT", "O_EXCL",
             "O_TRUNC", "O_APPEND", "O_DIRECTORY", "O_NOFOLLOW", "O_PATH",
             "O_NOATIME", "O_NONBLOCK", "O_SYNC", "O_DIRECT")
    for name in names:
        for also in ("O_RDWR", "O_CREAT", "O_EXCL", "O_TRUNC"):
            flags = getattr(os, name) | getattr(os, also)
            for path in (".", "there", "none", "there/x", "no/x", "n" * 256):
                if flags & os.O_PATH == 0 or also == "O_RDWR":
                    show(f"{name}|{also} {path[:9]}", opened, path, flags)
            if os.path.exists("none"):
                os.unlink("none")
            with open("there", "wb") as f:
                f.write(b"0123456789")


def opened(path, flags):
    """Opens, reads, writes; what worked."""
    fd = os.open(path, flags, 0o640)
    result = [stat.filemode(os.fstat(fd).st_mode)]
    if not flags & os.O_DIRECT:
        for call, arg in ((os.read, 4), (os.write, b"W")):
            try:
                result.append(call(fd, arg))
            except OSError as error:
                result.append(errno.errorcode[error.errno])
    if stat.S_ISREG(os.fstat(fd).st_mode):
        result.append(os.fstat(fd).st_size)
    os.close(fd)
    return result


def offsets(fd):
    """Reads and writes at odd places."""
    big = 2 ** 63 - 1
    show("seek set", os.lseek, fd, big, os.SEEK_SET)
    show("read there", os.read, fd, 10)
    show("write there", os.write, fd, b"x")
    show("seek past", os.lseek, fd, 1, os.SEEK_CUR)
    show("seek negative", os.lseek, fd, -1, os.SEEK_SET)
    show("seek end", os.lseek, fd, -3, os.SEEK_END)
    show("seek data", os.lseek, fd, 0, os.SEEK_DATA)
    show("seek hole", os.lseek, fd, 0, os.SEEK_HOLE)
    show("seek data at end", os.lseek, fd, 10, os.SEEK_DATA)
    show("seek data past", os.lseek, fd, 11, os.SEEK_DATA)
    show("seek hole at end", os.lseek, fd, 10, os.SEEK_HOLE)
    show("pread past", os.pread, fd, 5, 1 << 40)
    show("pread nothing", os.pread, fd, 0, 0)
    show("pwrite nothing", os.pwrite, fd, b"", 1 << 40)
    show("size", lambda: os.fstat(fd).st_size)
    show("pwrite far", os.pwrite, fd, b"far", 1 << 40)
    show("size", lambda: os.fstat(fd).st_size)
    show("truncate too far", os.ftruncate, fd, big)
    show("truncate negative", os.ftruncate, fd, -1)
    show("truncate", os.ftruncate, fd, 10)
    show("preadv", os.preadv, fd, [bytearray(3), bytearray(99)], 2)
    show("pwritev", os.pwritev, fd, [b"AB", b"", b"CD"], 8)
    show("RWF_APPEND", os.pwritev, fd, [b"end"], 0, os.RWF_APPEND)
    show("content", os.pread, fd, 99, 0)
    show("posix_fallocate", os.posix_fallocate, fd, 0, 8192)
    show("posix_fallocate", os.posix_fallocate, fd, 0, 0)
    show("fadvise", os.posix_fadvise, fd, 0, 0, os.POSIX_FADV_DONTNEED)
    show("fsync", os.fsync, fd)
    show("fdatasync", os.fdatasync, fd)
    show("syncfs", os.sync)
    show("size", lambda: (os.fstat(fd).st_size, os.fstat(fd).st_blocks))


def copies():
    """The ways in which the kernel copies."""
    with open("from", "wb") as f:
        f.write(bytes(range(256)) * 1000)
    show("copyfile", shutil.copyfile, "from", "to")
    show("copy2", shutil.copy2, "from", "to2")
    show("same", lambda: content("from") == content("to") == content("to2"))
    src = os.open("from", os.O_RDONLY)
    dst = os.open("to", os.O_RDWR)
    show("copy_file_range", os.copy_file_range, src, dst, 9999, 100, 50000)
    show("and past the end", os.copy_file_range, src, dst, 99, 1 << 30, 0)
    show("to one not writable", os.copy_file_range, dst, src, 9)
    show("overlapping", os.copy_file_range, dst, dst, 100, 0, 50)
    show("sendfile", os.sendfile, dst, src, 200, 1000)
    r, w = os.pipe()
    show("splice out", os.splice, src, w, 4000, 7)
    show("splice in", os.splice, r, dst, 4000, None, 300000)
    show("sum", lambda: (hash_of("to"), os.stat("to").st_size))
    for fd in (src, dst, r, w):
        os.close(fd)


def hash_of(name):
    """A number for a file's content, the same in each run."""
    return sum((i + 1) * b for i, b in enumerate(content(name))) % 1000003


def names():
    """Calls on names."""
    with open("one", "w", encoding="ascii") as f:
        f.write("1")
    for call in ((os.rename, "one", "two"), (os.rename, "one", "two"),
                 (os.replace, "two", "one"), (os.rename, "one", "."),
                 (os.rename, ".", "two"), (os.rename, "one", "no/x"),
                 (os.rename, "one", "o" * 256), (os.link, "no", "x"),
                 (os.unlink, "."), (os.unlink, "no"), (os.rmdir, "one"),
                 (os.readlink, "one"), (os.listdir, "one"),
                 (os.chdir, "one"), (os.access, "one", os.X_OK),
                 (os.access, "one", os.W_OK), (os.chmod, "one", 0o7777),
                 (os.truncate, "one", 5), (os.truncate, "no", 5),
                 (os.utime, "one", (1, 2)), (os.chown, "one", 5, -1),
                 (os.getxattr, "one", "user.no"), (os.stat, "one/x"),
                 (os.mkdir, "one"), (os.symlink, "x", "one"),
                 (os.mkfifo, "one"), (os.open, b"\xff\xfe\n", os.O_CREAT)):
        show(f"{call[0].__name__} {call[1][:9]!r}", *call)
    show("name of 255", os.close, os.open("n" * 255, os.O_CREAT, 0o600))
    show("names", lambda: sorted(os.listdir(b".")))
    show("modes", lambda: [oct(os.stat(n).st_mode) for n in ("one", ".")])
    show("namemax", lambda: os.statvfs(".").f_namemax)


def mappings():
    """The mmap module. Never touches a hole: reading one through a mapping
    allocates it in tmpfs, and not everywhere."""
    with open("map", "wb+") as f:
        f.truncate(10000)
        with mmap.mmap(f.fileno(), 0) as m:
            m[5000:5005] = b"hello"
            show("find", m.find, b"hello", 4096)
            m.flush()
            show("read", os.pread, f.fileno(), 7, 4999)
            f.truncate(20000)
            show("resize", m.resize, 20000)
            m[19999:] = b"!"
        with mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as m:
            show("again", lambda: (len(m), m[5000:5005], m[-1:]))
        with mmap.mmap(f.fileno(), 0, flags=mmap.MAP_PRIVATE) as m:
            m[5000:5001] = b"P"
        show("private", os.pread, f.fileno(), 5, 5000)
    with open("map", "rb") as f:
        show("write to a read-only", mmap.mmap, f.fileno(), 0)


def main():
    """All of it."""
    os.umask(0o022)
    with open("there", "wb") as f:
        f.write(b"0123456789")
    open_modes()
    open_flags()
    fd = os.open("there", os.O_RDWR)
    offsets(fd)
    os.close(fd)
    copies()
    names()
    mappings()
    with tempfile.NamedTemporaryFile(dir=".") as f:
        f.write(b"temporary")
        f.flush()
        show("temporary", content, f.name)
    with tempfile.TemporaryFile(dir=".") as f:
        f.write(b"nameless")
        f.seek(0)
        show("nameless", f.read)
        show("links", lambda: os.fstat(f.fileno()).st_nlink)


main()
