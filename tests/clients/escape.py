#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""escape.py MOUNT SEPARATOR INSIDE PATH...: tries every operation on names
that are not in view. INSIDE is a file of the caller's that is.

What looks a name up must say ENOENT, what would make one EPERM (or, where
that comes first, what the path itself deserves); nothing may be listed.
"""
import ctypes
import errno
import os
import sys

NOREPLACE, EXCHANGE = 1, 2
AT_FDCWD = -100
libc = ctypes.CDLL(None, use_errno=True)


def renameat2(old, new, flags):
    """renameat2(2)."""
    if libc.renameat2(AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new),
                      flags):
        raise OSError(ctypes.get_errno(), "renameat2")


def socket_at(path):
    """bind(2) makes a name, too."""
    import socket
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)


def opened(path, flags):
    """An open that must not succeed."""
    os.close(os.open(path, flags, 0o666))


LOOKUPS = {
    "stat": os.stat,
    "lstat": os.lstat,
    "open to read": lambda p: opened(p, os.O_RDONLY),
    "open to write": lambda p: opened(p, os.O_WRONLY),
    "open for both": lambda p: opened(p, os.O_RDWR),
    "open and truncate": lambda p: opened(p, os.O_RDWR | os.O_TRUNC),
    "open with O_PATH": lambda p: opened(p, os.O_PATH),
    "open as a directory": lambda p: opened(p, os.O_DIRECTORY),
    "truncate": lambda p: os.truncate(p, 0),
    "chmod": lambda p: os.chmod(p, 0o777),
    "chown": lambda p: os.chown(p, os.getuid(), os.getgid()),
    "utime": os.utime,
    "access": lambda p: os.stat(p) if not os.access(p, os.F_OK) else None,
    "unlink": os.unlink,
    "rmdir": os.rmdir,
    "listdir": os.listdir,
    "statvfs": os.statvfs,
    "getxattr": lambda p: os.getxattr(p, "user.x"),
    "setxattr": lambda p: os.setxattr(p, "user.x", b"1"),
    "listxattr": os.listxattr,
    "removexattr": lambda p: os.removexattr(p, "user.x"),
    "readlink": os.readlink,
    "exec": lambda p: os.execv(p, [p]),
    "chdir": os.chdir,
    "rename from": lambda p: os.rename(p, INSIDE + ".new"),
    "rename over": lambda p: os.rename(p, INSIDE),
    "rename from, noreplace":
        lambda p: renameat2(p, INSIDE + ".new", NOREPLACE),
    "exchange from": lambda p: renameat2(p, INSIDE, EXCHANGE),
    "exchange to": lambda p: renameat2(INSIDE, p, EXCHANGE),
    "link from": lambda p: os.link(p, INSIDE + ".link"),
}

MAKERS = {
    "create": lambda p: opened(p, os.O_RDWR | os.O_CREAT),
    "create, exclusive": lambda p: opened(p, os.O_RDWR | os.O_CREAT |
                                          os.O_EXCL),
    "create and truncate": lambda p: opened(p, os.O_RDWR | os.O_CREAT |
                                            os.O_TRUNC),
    "mknod": lambda p: os.mknod(p, 0o100666),
    "mkfifo": os.mkfifo,
    "mkdir": os.mkdir,
    "symlink": lambda p: os.symlink("x", p),
    "link to": lambda p: os.link(INSIDE, p),
    "socket": socket_at,
    "rename to": lambda p: os.rename(INSIDE, p),
    "rename to, noreplace": lambda p: renameat2(INSIDE, p, NOREPLACE),
}


def attempt(name, operation, path, expected):
    """True if it fails as it must."""
    try:
        operation(path)
    except OSError as error:
        if error.errno in expected:
            return True
        print(f"{name} {path}: {error}")
        return False
    print(f"{name} {path}: done")
    return False


def listed(directory, object_names):
    """Everything below, as paths from the mount."""
    seen = []
    for where, dirs, files in os.walk(directory):
        for name in dirs + files:
            seen.append(os.path.relpath(os.path.join(where, name), directory))
    return sorted(set(seen) & set(object_names))


def main():
    """escape.py MOUNT SEPARATOR INSIDE PATH..."""
    global INSIDE
    mount, separator = sys.argv[1:3]
    INSIDE = os.path.join(mount, sys.argv[3])
    fine = True
    for relative in sys.argv[4:]:
        path = os.path.join(mount, relative)
        for name, operation in LOOKUPS.items():
            fine &= attempt(name, operation, path, [errno.ENOENT])
        # In a directory that is not there nothing can be made either.
        for name, operation in MAKERS.items():
            expected = [errno.EPERM]
            if not os.path.isdir(os.path.dirname(path)):
                expected = [errno.ENOENT]
            elif name == "mkdir" and separator and separator in relative:
                expected = [errno.EINVAL]
            fine &= attempt(name, operation, path, expected)
        if not os.path.isfile(INSIDE):
            print(f"{INSIDE} is no more")
            fine = False
    shown = listed(mount, sys.argv[4:])
    if shown:
        print("listed:", *shown)
    sys.exit(not fine or bool(shown))


main()
