"""Runs a command on a pseudo terminal and says what became of the terminal's modes.

terminal.py WAIT ACT COMMAND...   waits for the text WAIT on the terminal, then does ACT:
    type:TEXT   types TEXT (Python escapes)
    kill:NAME   sends the signal SIGNAME to the command
    none        nothing
and prints: changed=BOOL restored=BOOL status=N, then all that the terminal got.
"""
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

PATIENCE = 60


def main():
    wait, act, command = sys.argv[1].encode().decode("unicode_escape").encode(), sys.argv[2], sys.argv[3:]
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    before = termios.tcgetattr(slave)
    child = os.fork()
    if child == 0:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for file in 0, 1, 2:
            os.dup2(slave, file)
        os.close(master)
        os.environ["TERM"] = "xterm"
        os.execvp(command[0], command)

    seen = bytearray()
    changed = None
    status = None
    deadline = time.monotonic() + PATIENCE
    while status is None and time.monotonic() < deadline:
        if select.select([master], [], [], 0.05)[0]:
            seen += os.read(master, 65536)
        if changed is None and wait in seen:
            changed = termios.tcgetattr(slave)[:4] != before[:4]
            kind, _, what = act.partition(":")
            if kind == "type":
                os.write(master, what.encode().decode("unicode_escape").encode())
            elif kind == "kill":
                os.kill(child, getattr(signal, "SIG" + what))
        ended, code = os.waitpid(child, os.WNOHANG)
        if ended:
            status = os.waitstatus_to_exitcode(code)
    if status is None:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    while select.select([master], [], [], 0)[0]:
        seen += os.read(master, 65536)
    restored = termios.tcgetattr(slave)[:4] == before[:4]
    print(f"changed={changed} restored={restored} status={status}")
    sys.stdout.flush()
    sys.stdout.buffer.write(seen)


main()
