# SPDX-License-Identifier: MIT
#
# syslogd.py SOCKET FILE: the least that syslog(3) needs; writes each message
# to FILE as it comes, a line each.
import os
import socket
import sys

path, log = sys.argv[1:]
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(path)
with open(log, "ab", buffering=0) as out:
    while True:
        out.write(listener.recv(65536).rstrip(b"\0\n") + b"\n")
