# SPDX-License-Identifier: MIT
"""What is measured. A measure is run for one system at a time and returns
{metric: value}; the units are in unit_of().

"core" measures are those that targets rest on: they are repeated fully, the
others three times at most, once where that says it all.
"""
import json

from systems import SHM

GB = 1e9


class Measure:
    once = False

    def __init__(self, name, core):
        self.name = name
        self.core = core


class Data(Measure):
    """fio on the one data file."""

    def __init__(self, name, rw, block, jobs=1, engine="psync", core=False):
        super().__init__(name, core)
        self.rw = rw
        self.block = block
        self.jobs = jobs
        self.engine = engine

    def argv(self, path, settings):
        runtime = settings.runtime if self.core else settings.short_runtime
        return [
            "fio", "--name=x", f"--filename={path}", f"--rw={self.rw}",
            f"--bs={self.block}", f"--ioengine={self.engine}",
            f"--size={settings.size}", f"--numjobs={self.jobs}",
            "--time_based", f"--runtime={int(runtime * 1000)}ms",
            "--norandommap", "--allow_file_create=0", "--fallocate=none",
            "--group_reporting", "--output-format=json",
        ]

    def run(self, mount, settings, rep):
        before = mount.cpu()
        output = mount.run(self.argv(mount.data, settings)).stdout
        daemon = mount.cpu() - before
        job = json.loads(output[output.index("{"):])["jobs"][0]
        if job["error"]:
            raise RuntimeError(f"fio: error {job['error']}")
        side = job["write" if "write" in self.rw else "read"]
        client = ((job["usr_cpu"] + job["sys_cpu"]) / 100 *
                  job["job_runtime"] / 1000)
        seconds = side["runtime"] / 1000
        rate = (side["total_ios"] if self.block == "4k"
                else side["io_bytes"] / 1e6) / seconds
        values = {
            self.name: rate,
            self.name + ".cpu.daemon": daemon / (side["io_bytes"] / GB),
            self.name + ".cpu.client": client / (side["io_bytes"] / GB),
        }
        if self.block == "4k" and self.jobs == 1:
            latency = side["clat_ns"]["percentile"]
            values[self.name + ".p50"] = latency["50.000000"] / 1000
            values[self.name + ".p99"] = latency["99.000000"] / 1000
        return values


META_OPS = ["create", "first", "stat", "open", "truncate", "readdir",
            "unlink"]
# Names that have been looked at, for what is timed after "known".
META_COURSE = ["warm", "create", "first", "known", "stat", "known", "open",
               "known", "truncate", "readdir", "known", "unlink"]


class Meta(Measure):
    """Fresh names in each run, so that no cache knows them before their
    first stat; the other operations are timed after a stat of them all."""

    def __init__(self):
        super().__init__("meta", True)

    def run(self, mount, settings, rep):
        output = mount.run([
            f"{mount.place.bin}/meta", "--dir", mount.dir, "--prefix",
            f"bench.{mount.system.name}.{rep}.", "--count",
            str(settings.objects), *META_COURSE]).stdout
        return {"meta." + op: rate for op, rate in meta_rates(output)}


def meta_rates(output):
    """[(operation, per second)] of meta's lines."""
    rates = []
    for line in output.splitlines():
        op, count, seconds = line.split()
        rates.append((op, int(count) / float(seconds)))
    return rates


class Handoff(Measure):
    """Another process changes objects directly and says so: how often is
    what is seen through the mount then not the case?"""
    once = True

    def __init__(self):
        super().__init__("handoff", True)
        self.examples = {}  # system -> its first wrong answer

    def run(self, mount, settings, rep):
        argv = [f"{mount.place.bin}/handoff", "--dir", mount.dir, "--shm",
                SHM, "--count", str(settings.handoffs), "--pairs", "4",
                "--prefix", f"bench.{mount.system.name}.handoff."]
        limit = 20 if settings.quick else 120  # seconds, where it hangs
        result = mount.run(argv + ["--observe"], limit, check=False)
        words = result.stdout.split()
        full = not words
        if full:  # a client without that option: the mount's side acts too
            result = mount.run(argv, limit, check=False)
            words = result.stdout.split()
        if not words:
            raise RuntimeError(result.stderr.strip().rpartition("\n")[2])
        count, wrong = int(words[-4]), int(words[-2])
        for line in result.stderr.splitlines():
            if line.startswith("WRONG:"):
                self.examples.setdefault(
                    mount.system.name, line.rpartition("mount: ")[2])
        values = {"handoff.count": count, "handoff.wrong": wrong}
        if full:
            values["handoff.full"] = 1
        if count < settings.handoffs:
            values["handoff.hangs"] = 1
        return values


class Memory(Measure):
    """The daemon's memory at the end of a repetition: after all data and
    metadata measures that were selected."""

    def __init__(self):
        super().__init__("memory", True)

    def run(self, mount, settings, rep):
        return {f"memory.{key}": value / 1024
                for key, value in mount.memory().items()}


HANDOFF = Handoff()
MEASURES = [
    Data("seq-read-1m", "read", "1m", core=True),
    Data("seq-write-1m", "write", "1m", core=True),
    Data("seq-read-128k", "read", "128k", core=True),
    Data("seq-write-128k", "write", "128k", core=True),
    Data("rand-read-4k", "randread", "4k", core=True),
    Data("rand-write-4k", "randwrite", "4k", core=True),
    Data("mmap-read-4k", "randread", "4k", engine="mmap", core=True),
    Meta(),
    HANDOFF,
    Data("mmap-write-4k", "randwrite", "4k", engine="mmap"),
    Data("seq-read-4k", "read", "4k"),
    Data("seq-write-4k", "write", "4k"),
    Data("rand-read-128k", "randread", "128k"),
    Data("rand-write-128k", "randwrite", "128k"),
    Data("rand-read-1m", "randread", "1m"),
    Data("rand-write-1m", "randwrite", "1m"),
] + [
    Data(f"{order}-{rw}-{block}-2jobs",
         rw if order == "seq" else "rand" + rw, block, jobs=2)
    for block in ("4k", "128k", "1m")
    for order in ("seq", "rand")
    for rw in ("read", "write")
] + [Memory()]


def growth_unit(key):
    return {"known": "count", "bytes": "bytes", "list": "entries/s",
            "rss": "MiB", "anon": "MiB", "pss": "MiB"}.get(key, "op/s")


def unit_of(metric):
    if metric.startswith("growth-"):
        return growth_unit(metric.rpartition(".")[2])
    if ".cpu." in metric:
        return "CPU s/GB"
    if metric.endswith((".p50", ".p99")):
        return "us"
    if metric.startswith("memory."):
        return "MiB"
    if metric.startswith("handoff."):
        return "count"
    if metric.startswith("meta."):
        return "entries/s" if metric.endswith("readdir") else "op/s"
    return "IOPS" if "-4k" in metric else "MB/s"
