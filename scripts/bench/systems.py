# SPDX-License-Identifier: MIT
"""What is compared, and how each of it is mounted and ended.

All systems show the same directory, a private /dev/shm, so that they are
given the same objects. A Mount owns one daemon and one mountpoint; whatever
it started is gone after stop().
"""
import contextlib
import os
import shutil
import signal
import struct
import subprocess
import sys
import time

SHM = "/dev/shm"
USER = 65534  # the ordinary user: nobody
START_SECONDS = 10
STOP_SECONDS = 10
URING = "/sys/module/fuse/parameters/enable_uring"
LATENCY = "/dev/cpu_dma_latency"
_PRINT_IO = ("import os, sys; "
             "print(os.getxattr(sys.argv[1], 'user.shmfs.io').decode())")


class CannotRun(Exception):
    """This machine cannot run a system; the text says why."""


class System:
    def __init__(self, name, label, argv, *, kind="peer", uring=False,
                 user=False, io=None, target=False, grows=False,
                 awake=False):
        self.name = name
        self.label = label
        self.argv = argv      # None: the directory itself, nothing mounted
        self.kind = kind      # tmpfs, shmfs or peer
        self.uring = uring
        self.user = user
        self.io = io          # what user.shmfs.io must say
        self.target = target  # part of a target: repeated fully
        self.grows = grows    # measured with many objects, which root makes
        self.awake = awake    # measured with idle CPUs kept awake for it


def _shmfs(options):
    return ["{bin}/shmfs", "-f", "-o", options, "{dir}"]


def _low(options):
    return ["{bin}/passthrough_ll", "-f", "-o", "source=" + SHM + options,
            "{dir}"]


def _high(*options):
    return ["{bin}/passthrough_hp", "--foreground", *options, SHM, "{dir}"]


_NEVER = ",cache=never,timeout=0"

SYSTEMS = [
    System("tmpfs", "tmpfs itself", None, kind="tmpfs", target=True,
           grows=True),
    System("native", "shmfs native", _shmfs("io=native"), kind="shmfs",
           io="native", target=True, grows=True),
    System("native-uring", "shmfs native, io_uring",
           _shmfs("io=native,io_uring"), kind="shmfs", io="native",
           uring=True, grows=True),
    System("direct", "shmfs direct", _shmfs("io=direct"), kind="shmfs",
           io="direct", target=True, grows=True),
    System("direct-uring", "shmfs direct, io_uring",
           _shmfs("io=direct,io_uring"), kind="shmfs", io="direct",
           uring=True, target=True, grows=True),
    System("direct-awake", "shmfs direct, cpu_latency=0",
           _shmfs("io=direct,cpu_latency=0"), kind="shmfs", io="direct",
           target=True),
    System("direct-uring-awake", "shmfs direct, io_uring, cpu_latency=0",
           _shmfs("io=direct,io_uring,cpu_latency=0"), kind="shmfs",
           io="direct", uring=True, target=True),
    System("direct-user", "shmfs direct, ordinary user",
           _shmfs("io=direct"), kind="shmfs", io="direct", user=True),
    System("ll-coherent", "passthrough_ll, no caches", _low(_NEVER),
           target=True, grows=True),
    System("ll-coherent-uring", "passthrough_ll, no caches, io_uring",
           _low(_NEVER + ",io_uring"), uring=True, target=True, grows=True),
    System("ll-coherent-awake", "passthrough_ll, no caches, CPUs awake",
           _low(_NEVER), target=True, awake=True),
    System("ll-coherent-uring-awake",
           "passthrough_ll, no caches, io_uring, CPUs awake",
           _low(_NEVER + ",io_uring"), uring=True, target=True, awake=True),
    System("ll", "passthrough_ll", _low(""), grows=True),
    System("hp", "passthrough_hp", _high(), target=True, grows=True),
    System("hp-direct", "passthrough_hp --nopassthrough --direct-io",
           _high("--nopassthrough", "--direct-io"), grows=True),
    System("hp-nocache", "passthrough_hp --nocache", _high("--nocache"),
           grows=True),
    System("bindfs", "bindfs", ["bindfs", "-f", SHM, "{dir}"], grows=True),
]


def as_user(system):
    """The words before a command that runs it with the system's rights and
    lets it end when the benchmark does."""
    words = ["setpriv", "--pdeathsig", "KILL"]
    if system.user:
        words += ["--reuid", str(USER), "--regid", str(USER),
                  "--clear-groups"]
    return words + ["--"]


def _complaint(program, out, err):
    """What a failed client said. fio complains on stdout, before its
    results."""
    lines = [line for line in out.splitlines()
             if line.startswith(os.path.basename(program) + ":")]
    lines += [line for line in err.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _is_mounted(path):
    with open("/proc/self/mountinfo", encoding="ascii",
              errors="surrogateescape") as file:
        return any(line.split()[4] == path for line in file)


@contextlib.contextmanager
def keep_awake(wanted):
    """What shmfs asks for with cpu_latency=0, for one that cannot ask."""
    if not wanted:
        yield
        return
    try:
        file = open(LATENCY, "wb", buffering=0)
    except OSError as error:
        raise CannotRun(f"{LATENCY}: {error.strerror}") from None
    with file:
        file.write(struct.pack("i", 0))
        yield


class Mount:
    def __init__(self, system, place):
        self.system = system
        self.place = place
        self.dir = SHM
        self.process = None
        self.log = None

    @property
    def pid(self):
        return self.process.pid if self.process else None

    @property
    def data(self):
        """The data file as this system shows it."""
        return self.place.data.replace(SHM, self.dir, 1)

    def start(self):
        """Mounts and waits until it answers; CannotRun where it does not."""
        system = self.system
        if not system.argv:
            return
        self.dir = os.path.join(self.place.dir, "mnt", system.name)
        os.makedirs(self.dir, exist_ok=True)
        if system.user:
            try:
                os.chown(self.dir, USER, USER)
            except OSError:
                raise CannotRun("only root can be another user") from None
        argv = [word.format(bin=self.place.bin, dir=self.dir)
                for word in system.argv]
        if not shutil.which(argv[0]):
            raise CannotRun(f"{os.path.basename(argv[0])} is not here")
        self.log = os.path.join(self.place.dir, system.name + ".log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                as_user(system) + argv, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, cwd="/", start_new_session=True)
        try:
            self._wait()
            self._check()
            # Opened and read: some find out only then that they cannot.
            self.run(["head", "-c", "1", self.data])
        except RuntimeError as error:
            self.stop()
            raise CannotRun(self._last_line() or str(error)) from None
        except BaseException:
            self.stop()
            raise

    def _wait(self):
        deadline = time.monotonic() + START_SECONDS
        while not _is_mounted(self.dir):
            if self.process.poll() is not None:
                raise CannotRun(self._last_line() or "it ended at once")
            if time.monotonic() > deadline:
                raise CannotRun("it did not mount in time")
            time.sleep(0.005)
        self.run(["stat", "-f", self.dir])

    def _check(self):
        """It must be what its name says, not a silent fallback."""
        if self.system.uring:
            deadline = time.monotonic() + 1
            while not self._has_ring():
                if time.monotonic() > deadline:
                    raise CannotRun("the kernel gives it no io_uring "
                                    f"(see {URING})")
                time.sleep(0.01)
        if self.system.kind != "shmfs":
            return
        found = self.run([sys.executable, "-c", _PRINT_IO, self.dir],
                         check=False)
        self.io = found.stdout.strip()
        if self.io and self.io.split()[0] != self.system.io:
            raise CannotRun(f"its data path is {self.io}")

    def _has_ring(self):
        fds = f"/proc/{self.pid}/fd"
        try:
            return any("io_uring" in os.readlink(f"{fds}/{fd}")
                       for fd in os.listdir(fds))
        except OSError:
            return False

    def _last_line(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            lines = [line.strip() for line in log if line.strip()]
        return lines[-1] if lines else ""

    def run(self, argv, timeout=90, check=True):
        """Runs a client with the system's rights. It and its children are
        gone when this returns or raises."""
        with keep_awake(self.system.awake):
            return self._run(argv, timeout, check)

    def _run(self, argv, timeout, check):
        process = subprocess.Popen(
            as_user(self.system) + argv, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            errors="replace", cwd="/", start_new_session=True)
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException as error:
            self._end_client(process)
            if isinstance(error, subprocess.TimeoutExpired):
                raise RuntimeError(
                    f"{os.path.basename(argv[0])} did not end in "
                    f"{timeout} s") from None
            raise
        if check and process.returncode:
            raise RuntimeError(_complaint(argv[0], out, err) or
                               f"{argv[0]}: status {process.returncode}")
        return subprocess.CompletedProcess(argv, process.returncode, out, err)

    def _end_client(self, process):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        try:
            process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            # It waits for an answer that will not come.
            if self.process:
                self.process.kill()
            process.wait()

    def stop(self):
        """SIGTERM, then force. Leaves nothing."""
        if not self.process:
            return
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        while _is_mounted(self.dir):
            if subprocess.run(["umount", "-l", self.dir],
                              stderr=subprocess.DEVNULL,
                              check=False).returncode:
                break
        self.process = None

    def cpu(self):
        """Seconds of CPU that the daemon has used."""
        if not self.pid:
            return 0.0
        with open(f"/proc/{self.pid}/stat", encoding="ascii",
                  errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """The daemon's memory in KiB: rss, anon, pss. Empty: no daemon."""
        if not self.pid:
            return {}
        names = {"VmRSS": "rss", "RssAnon": "anon", "Pss": "pss"}
        memory = {}
        for file in "status", "smaps_rollup":
            with open(f"/proc/{self.pid}/{file}", encoding="ascii",
                      errors="replace") as lines:
                for line in lines:
                    key, _, value = line.partition(":")
                    if key in names:
                        memory[names[key]] = int(value.split()[0])
        return memory
