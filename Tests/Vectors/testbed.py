"""A program in a machine of its own: umockdev's devices in place of the real ones, plugged in and out as the program asks.

usage: umockdev-wrapper /usr/bin/python3 testbed.py DESCRIPTION PROGRAM [ARGUMENT…]

The program asks by lines on its standard output:
  @@ event ACTION DEVICE   an event without a change
  @@ gone DEVICE…          the devices go, without an event
  @@ unplug DEVICE…        an event for each, then the devices go; the moment of the first is said on the program's standard input
  @@ replug                what was unplugged comes back under its names, with an event for each
  @@ plug FILE             the devices of that description come, each with an event
  @@ done                  the program has seen what it wanted
All other lines are passed on. Ends with the program's status; with 97 where that is 0 and it never said `done`.
"""
import os
import subprocess
import sys
import time

import gi

gi.require_version("UMockdev", "1.0")
from gi.repository import UMockdev  # noqa: E402

bed = UMockdev.Testbed.new()
if sys.argv[1] != "-":
    bed.add_from_file(sys.argv[1])
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def sys_path(device):
    return "/sys" + device


def move(device, to_drawer):
    """The testbed itself cannot add a device a second time, so what is unplugged is kept beside its place."""
    here = bed.get_root_dir() + sys_path(device)
    there = os.path.join(bed.get_root_dir(), "drawer", os.path.basename(device))
    os.makedirs(os.path.dirname(there), exist_ok=True)
    for first, second in ((here, there), (f"{bed.get_root_dir()}/dev/{os.path.basename(device)}", there + ".node")):
        if to_drawer:
            os.rename(first, second)
        else:
            os.rename(second, first)


drawer = []

is_done = False
for line in child.stdout:
    words = line.split()
    if not words or words[0] != "@@":
        print(line, end="", flush=True)
        continue
    verb, rest = words[1], words[2:]
    if verb == "event":
        bed.uevent(sys_path(rest[1]), rest[0])
    elif verb == "gone":
        for device in rest:
            bed.remove_device(sys_path(device))
    elif verb == "unplug":
        moment = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        for device in rest:
            bed.uevent(sys_path(device), "remove")
        for device in rest:
            move(device, to_drawer=True)
        drawer += rest
        child.stdin.write(f"{moment}\n")
        child.stdin.flush()
    elif verb == "replug":
        for device in drawer:
            move(device, to_drawer=False)
            bed.uevent(sys_path(device), "add")
        drawer = []
    elif verb == "plug":
        bed.add_from_file(rest[0])
    elif verb == "done":
        is_done = True
status = child.wait()
sys.exit(status if status != 0 or is_done else 97)
