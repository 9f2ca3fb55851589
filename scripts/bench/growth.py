# SPDX-License-Identifier: MIT
"""How the cost of one object grows with their number.

For each number of objects and each system: a fresh mount, the first stat of
every object (the kernel knows none of them yet), another stat, an open, the
listing, and what the daemon's memory has grown to. The smallest number is
measured again at the end, so that a machine that changes its speed meanwhile
is noticed.
"""
from measures import meta_rates
from place import CHUNK
from systems import CannotRun, SHM, Mount

PREFIX = "bench."
LEVELS = [1000, 10000, 100000, 1000000]
PARTS = 5
SAMPLES = 5000     # fewer objects are measured in several mounts
ALL_SECONDS = 120  # the most for the first stat, where all objects count
SECONDS = 1.5      # the most for anything else


def name_of(level):
    return "growth-" + (f"{level // 1000}k" if level < 1000000 else "1m")


def _meta(mount, level, seconds, ops, parts=1):
    output = mount.run([
        f"{mount.place.bin}/meta", "--dir", mount.dir, "--prefix", PREFIX,
        "--count", str(level), "--seconds", str(seconds), "--parts",
        str(parts), *ops], timeout=seconds * len(ops) + 90).stdout
    return output


def _counted(output):
    return sum(int(line.split()[1]) for line in output.splitlines())


def _measure(mount, level, add):
    name = name_of(level)
    _meta(mount, level, 10, ["warm"])
    before = mount.memory()
    first = ALL_SECONDS if mount.system.kind != "peer" else SECONDS
    output = _meta(mount, level, first, ["stat"], PARTS)
    for _, rate in meta_rates(output):
        add(name + ".stat", rate)
    known = _counted(output)
    after = mount.memory()
    if after:
        add(name + ".known", known)
        for key in "rss", "anon", "pss":
            add(f"{name}.{key}", after[key] / 1024)
        add(name + ".bytes", (after["anon"] - before["anon"]) * 1024 / known)
    ops = ["stat", "open", "readdir"]
    keys = ["restat", "open", "list"]
    output = _meta(mount, level, SECONDS, ops)
    for key, (_, rate) in zip(keys, meta_rates(output)):
        add(f"{name}.{key}", rate)


def _level(run, systems, level):
    place = run.place
    place.fresh_shm()
    place.fill(CHUNK)
    plain = Mount(run.tmpfs, place)
    plain.run([f"{place.bin}/meta", "--dir", SHM, "--prefix", PREFIX,
               "--count", str(level), "create"], timeout=300)
    for system in systems:
        run.progress(f"{name_of(level)}: {system.name}")
        for _ in range(max(1, min(run.settings.mounts, SAMPLES // level))):
            if run.is_late():
                return
            mount = Mount(system, place)
            try:
                mount.start()
                _measure(mount, level, lambda metric, value, s=system:
                         run.results.add(s.name, metric, None, value))
            except (CannotRun, RuntimeError) as error:
                run.results.fail(system.name, name_of(level), str(error))
                break
            finally:
                mount.stop()


def run_growth(run, systems, levels):
    """Measures all levels; run: bench.Run."""
    systems = [system for system in systems if system.grows]
    again = [] if run.settings.quick else levels[:1]
    for level in levels + again:
        chosen = [system for system in systems
                  if run.selects(system.name, name_of(level))]
        if chosen and not run.is_late():
            _level(run, chosen, level)
    run.place.fresh_shm()
