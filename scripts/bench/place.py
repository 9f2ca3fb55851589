# SPDX-License-Identifier: MIT
"""Where the benchmark runs: a mount namespace with a /dev/shm of its own, so
that nobody else's objects are in it and none of ours are left in theirs, and a
directory for mountpoints and programs that every user can reach.

The caller is in a mount namespace of its own already (scripts/bench/run).
"""
import os
import resource
import shutil
import subprocess
import tempfile

from systems import SHM, URING

CHUNK = 1 << 20


def _mount(*words):
    subprocess.run(["mount", *words], check=True)


class Place:
    def __init__(self, bin_dir):
        self.dir = None
        self.bin = None
        self.source = bin_dir
        self.uring = None   # what to write back
        self.data = os.path.join(SHM, "bench.data")
        self.shm_mounts = 0

    def enter(self):
        if os.readlink("/proc/self/ns/mnt") == self._parents_namespace():
            raise SystemExit("bench: start it with scripts/bench/run")
        self.dir = tempfile.mkdtemp(prefix="shmfs-bench.", dir="/tmp")
        _mount("-t", "tmpfs", "-o", "mode=755,size=64m", "shmfs-bench",
               self.dir)
        self.bin = os.path.join(self.dir, "bin")
        shutil.copytree(self.source, self.bin)
        self.fresh_shm()
        self._raise_limits()
        self._enable_uring()

    @staticmethod
    def _parents_namespace():
        try:
            return os.readlink("/proc/1/ns/mnt")
        except OSError:
            return None  # not ours to see, so not ours

    def fresh_shm(self):
        """An empty /dev/shm, with the machine's own huge page setting."""
        while self.shm_mounts:
            subprocess.run(["umount", SHM], check=True)
            self.shm_mounts -= 1
        options = "mode=1777,size=75%,nr_inodes=0"
        with open("/proc/mounts", encoding="ascii", errors="replace") as file:
            for line in file:
                words = line.split()
                if words[1] == SHM:
                    options += "".join("," + word
                                       for word in words[3].split(",")
                                       if word.startswith("huge="))
        _mount("-t", "tmpfs", "-o", options, "tmpfs", SHM)
        self.shm_mounts += 1

    def fill(self, size):
        """The data file: no holes, no zeros, open to the ordinary user."""
        chunk = os.urandom(CHUNK)
        with open(self.data, "wb", buffering=0) as file:
            for _ in range(size // CHUNK):
                file.write(chunk)
        os.chmod(self.data, 0o666)

    @staticmethod
    def _raise_limits():
        """The peers hold a descriptor for each object that the kernel
        knows."""
        try:
            with open("/proc/sys/fs/nr_open", encoding="ascii") as file:
                most = int(file.read())
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        except (OSError, ValueError):
            pass

    def _enable_uring(self):
        try:
            with open(URING, "r+", encoding="ascii") as file:
                before = file.read().strip()
                if before != "Y":
                    file.seek(0)
                    file.write("Y")
                    self.uring = before
        except OSError:
            pass  # the systems that need it say so

    def leave(self):
        """Undoes enter(), also a half-done one."""
        if self.uring is not None:
            with open(URING, "w", encoding="ascii") as file:
                file.write(self.uring)
        if self.dir:
            subprocess.run(["umount", "-l", self.dir], check=False,
                           stderr=subprocess.DEVNULL)
            os.rmdir(self.dir)
        while self.shm_mounts:
            subprocess.run(["umount", "-l", SHM], check=False)
            self.shm_mounts -= 1
