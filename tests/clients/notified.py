# SPDX-License-Identifier: MIT
"""Runs a program as a service manager with Type=notify does.

notified.py SOCKET DIR PROGRAM...: prints the first message that the program
sends to SOCKET, once DIR must be a mount already, and ends it with SIGTERM, at
which it must exit with status 0. If it ends without a word that is printed.
"""
import os
import select
import signal
import socket
import subprocess
import sys

name, directory, *program = sys.argv[1:]
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind("\0" + name[1:] if name.startswith("@") else name)
process = subprocess.Popen(program, env={**os.environ, "NOTIFY_SOCKET": name})
end = os.pidfd_open(process.pid)
ready, _, _ = select.select([listener, end], [], [], 60)
if listener in ready:
    mounted = os.path.ismount(directory)
    message = listener.recv(4096).decode()
    process.send_signal(signal.SIGTERM)
    status = process.wait(60)
    assert mounted, "said so before it was mounted"
    assert status == 0, f"exit status {status}"
    print(message, end="")
else:
    print(f"nothing, exit status {process.wait(60)}")
