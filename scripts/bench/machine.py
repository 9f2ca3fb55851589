# SPDX-License-Identifier: MIT
"""The description of the machine and of what ran on it."""
import datetime
import os
import platform
import resource
import shlex
import subprocess


def _first(argv):
    """The first line that a command prints, or nothing."""
    try:
        result = subprocess.run(argv, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True,
                                check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.partition("\n")[0].strip()


def _field(path, key, separator):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                name, found, value = line.partition(separator)
                if found and name.strip() == key:
                    return value.strip().strip('"')
    except OSError:
        pass
    return ""


def _commit(root):
    git = ["git", "-c", "safe.directory=*", "-C", root]
    commit = _first(git + ["rev-parse", "--short=12", "HEAD"])
    if " " in commit or not commit:
        return ""
    changed = _first(git + ["status", "--porcelain", "-uno"])
    return commit + (" and changes" if changed else "")


def _content(path):
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def _idle():
    """What a CPU does that has nothing to do: most of a small request is
    waking it."""
    cpuidle = "/sys/devices/system/cpu/cpuidle/"
    words = [_content(cpuidle + name)
             for name in ("current_driver", "current_governor")]
    poll = _content("/sys/module/haltpoll/parameters/guest_halt_poll_ns")
    if poll:
        words.append(f"guest_halt_poll_ns={poll}")
    return ", ".join(word for word in words if word)


def describe(args):
    """Before and after the run differ in the load only, and that is taken
    when this is called: most of it is then our own."""
    shmfs = _first([os.path.join(args.bin, "shmfs"), "-V"])
    return {
        "cpu": _field("/proc/cpuinfo", "model name", ":") or
        platform.machine(),
        "cores": os.cpu_count(),
        "memory": _field("/proc/meminfo", "MemTotal", ":"),
        "virtual": _first(["systemd-detect-virt"]) or "unknown",
        "idle": _idle(),
        "kernel": platform.release(),
        "distribution": _field("/etc/os-release", "PRETTY_NAME", "="),
        "shmfs": shmfs,
        "commit": _commit(args.root),
        "libfuse": shmfs.partition("libfuse ")[2].rstrip(")"),
        "fio": _first(["fio", "--version"]),
        "bindfs": _first(["bindfs", "--version"]),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime(
            "%Y-%m-%d %H:%M UTC"),
        "load_before": args.load,
        "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        "command": shlex.join(["scripts/bench/run", *args.words]),
    }
