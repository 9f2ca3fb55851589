# SPDX-License-Identifier: MIT
"""Runs a program as a service manager does that has stopped listening.

unheard.py SOCKET PROGRAM...: the program finds SOCKET full when it has mounted.
It is ended with SIGTERM then, at which it must exit with status 0.
"""
import os
import signal
import socket
import subprocess
import sys


def fill(name):
    """Sends to it until no sender can: each may have so much on its way."""
    senders = []
    while True:
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sender.setblocking(False)
        senders.append(sender)
        sent = 0
        try:
            while True:
                sender.sendto(b"x", name)
                sent += 1
        except BlockingIOError:
            if not sent:
                return senders


name, *program = sys.argv[1:]
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(name)
senders = fill(name)
process = subprocess.Popen(
    program,
    env={**os.environ, "NOTIFY_SOCKET": name},
    stderr=subprocess.PIPE,
    text=True,
)
try:
    line = process.stderr.readline()  # what it says before it tells
    assert "data path is" in line, line
    process.send_signal(signal.SIGTERM)
    status = process.wait(30)
    assert status == 0, f"exit status {status}"
finally:
    process.kill()
