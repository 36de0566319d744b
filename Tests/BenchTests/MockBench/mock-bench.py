#!/usr/bin/python3
"""Presents emulated devices to libudev as if they were plugged into this machine, and runs a command there.

    umockdev-wrapper /usr/bin/python3 mock-bench.py --ports FOLDER [--unplug SECONDS:FOR]... COMMAND...

The devices are those of `lab emulate --ports FOLDER`: wherever a port of one has vanished (its link is gone), the whole USB
device leaves the mocked bus, and comes back with it, as after a reset. The modem is the one of Tests/Vectors/rg500q.umockdev; each pile is at a USB
adapter of its own, and the meter beside a board at another one. With --unplug a device is taken off the bus by hand, whatever its firmware does: DEVICE@SECONDS+FOR.
Its ports hang up then, as those of a cable that was pulled: such a device is reached by a pty of this bench's own.
"""
import argparse
import os
import pathlib
import select
import signal
import subprocess
import sys
import termios
import threading
import time
import tty

import gi

gi.require_version("UMockdev", "1.0")
from gi.repository import UMockdev  # noqa: E402

HERE = pathlib.Path(__file__).parent
HUB = "/devices/pci0000:00/0000:00:14.0/usb2"


def adapter(port, tty, serial):
    """A CH340 with one serial port, in the port of the hub."""
    device = f"{HUB}/2-{port}"
    path = f"pci-0000:00:14.0-usb-0:{port}:1.0"
    common = f"""E: ID_BUS=usb
E: ID_MODEL=USB_Serial
E: ID_MODEL_ID=7523
E: ID_PATH={path}
E: ID_SERIAL=1a86_USB_Serial_{serial}
E: ID_SERIAL_SHORT={serial}
E: ID_USB_DRIVER=ch341
E: ID_USB_INTERFACE_NUM=00
E: ID_VENDOR=1a86
E: ID_VENDOR_ID=1a86
"""
    return [
        f"P: {device}\nE: DEVTYPE=usb_device\nE: DRIVER=usb\nE: PRODUCT=1a86/7523/264\nE: SUBSYSTEM=usb\n"
        f"A: idProduct=7523\\n\nA: idVendor=1a86\\n\nA: serial={serial}\\n\nA: product=USB Serial\\n\nA: authorized=1\\n\n",
        f"P: {device}/2-{port}:1.0\nE: DEVTYPE=usb_interface\nE: DRIVER=ch341\nE: INTERFACE=255/1/2\nE: SUBSYSTEM=usb\nA: bInterfaceNumber=00\\n\n",
        f"P: {device}/2-{port}:1.0/{tty}\nE: DRIVER=ch341-uart\nE: SUBSYSTEM=usb-serial\nA: port_number=0\\n\n",
        f"P: {device}/2-{port}:1.0/{tty}/tty/{tty}\nN: {tty}\n{common}E: DEVNAME=/dev/{tty}\nE: MAJOR=188\nE: MINOR={tty[6:]}\nE: SUBSYSTEM=tty\n",
    ]


# What every machine has, whatever is plugged in: without it there would be no /sys/class/tty to look in.
CONSOLE = "P: /devices/virtual/tty/tty1\nE: DEVNAME=/dev/tty1\nE: MAJOR=4\nE: MINOR=1\nE: SUBSYSTEM=tty\nA: dev=4:1\\n\n"


def tell():
    """Listeners of umockdev have room for ten events that they have not read, and the machine of the test may be busy; the kernel's have room for thousands."""
    time.sleep(0.02)


class Cable:
    """A pty in front of a port of an emulated device. What is pulled hangs up; the device behind goes on, and whatever it says is lost."""

    def __init__(self, target):
        self.target = target
        self.master, slave = os.openpty()
        self.path = os.ttyname(slave)
        tty.setraw(slave)
        os.close(slave)
        self.device = None
        self.is_plugged = True
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while self.is_plugged:
            poll = select.poll()
            poll.register(self.master, select.POLLIN)
            if self.device is not None:
                poll.register(self.device, select.POLLIN)
            ready = dict(poll.poll(20))
            if ready.get(self.master, 0) & select.POLLIN:
                self.reach()
                self.carry(self.master, self.device)
            elif ready.get(self.master, 0) & select.POLLHUP:
                # Nobody has it open: nobody hears the device either.
                self.leave()
                time.sleep(0.005)
                continue
            else:
                self.reach()
            if self.device in ready and not self.carry(self.device, self.master):
                self.leave()
        self.leave()
        os.close(self.master)

    def reach(self):
        if self.device is None:
            try:
                self.device = os.open(os.path.realpath(self.target), os.O_RDWR | os.O_NOCTTY)
                tty.setraw(self.device)
            except (OSError, termios.error):
                time.sleep(0.01)

    def leave(self):
        if self.device is not None:
            os.close(self.device)
            self.device = None

    @staticmethod
    def carry(source, target):
        """False where the source has ended."""
        try:
            data = os.read(source, 4096)
        except OSError:
            return False
        try:
            if data and target is not None:
                os.write(target, data)
        except OSError:
            pass
        return bool(data)

    def pull(self):
        self.is_plugged = False
        self.thread.join()


class Device:
    """One USB device with its ports: the records of its description from the bus downwards."""

    def __init__(self, bed, name, records, links):
        self.bed, self.name, self.records, self.links = bed, name, records, links
        self.is_there = False
        # Whether it is going to be unplugged by hand, and its cables while it is plugged in.
        self.is_held, self.cables = False, []

    def wants(self):
        """The firmware has its ports up."""
        return all(os.path.exists(target) for target in self.links.values())

    def ttys(self):
        return [record for record in self.records if "\nE: SUBSYSTEM=tty\n" in record]

    @staticmethod
    def path(record):
        return "/sys" + record.split("\n", 1)[0][3:]

    def plug(self):
        for record in self.records:
            # Without a node of its own: what is behind /dev is a port of the emulated device.
            self.bed.add_from_string("\n".join(line for line in record.split("\n") if not line.startswith("N: ")) + "\n")
            tell()
        for tty, target in self.links.items():
            place = self.bed.get_root_dir() + "/dev/" + tty
            if os.path.lexists(place):
                os.unlink(place)
            if self.is_held:
                self.cables.append(Cable(target))
                target = self.cables[-1].path
            os.symlink(target, place)
        for record in self.ttys():
            self.bed.uevent(self.path(record), "add")
            tell()
        self.is_there = True

    def unplug(self):
        for cable in self.cables:
            cable.pull()
        self.cables = []
        # Each is gone when it is told: who looks at the bus in between must not find it again.
        ttys = self.ttys()
        for record in reversed(ttys):
            self.bed.uevent(self.path(record), "remove")
            self.bed.remove_device(self.path(record))
            tell()
        for tty in self.links:
            place = self.bed.get_root_dir() + "/dev/" + tty
            if os.path.lexists(place):
                os.unlink(place)
        for record in reversed(self.records):
            if record not in ttys:
                self.bed.remove_device(self.path(record))
                tell()
        self.is_there = False


def records(text, without=()):
    found = [block + "\n" for block in text.split("\n\n") if block.strip()]
    return [block for block in found if not any(word in block.split("\n", 1)[0] for word in without)]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--ports", required=True)
    options.add_argument("--unplug", action="append", default=[], help="DEVICE@SECONDS+FOR, seconds after the start")
    options.add_argument("--ready", action="store_true", help="starts the command when all devices are plugged in")
    options.add_argument("command", nargs=argparse.REMAINDER)
    given = options.parse_args()
    ports = os.path.abspath(given.ports)

    bed = UMockdev.Testbed.new()
    bed.add_from_string(CONSOLE)
    description = records((HERE / "../../Vectors/rg500q.umockdev").read_text(), without=("2-1:1.4",))
    hub = [record for record in description if "/2-1" not in record.split("\n", 1)[0]]
    modem = sorted((record for record in description if record not in hub), key=lambda record: len(record.split("\n", 1)[0]))
    for record in reversed(hub):
        bed.add_from_string(record + "\n")

    # Every device that the bench has, in the order of its file, written by `run-on-mock-bench`.
    names = (pathlib.Path(ports) / "devices").read_text().split()
    devices = []
    if "modem_1" in names:
        links = {f"ttyUSB{i}": f"{ports}/modem_1.{label}" for i, label in enumerate(["dm", "nmea", "at", "modem"])}
        devices.append(Device(bed, "modem_1", modem, links))
    for index, name in enumerate(name for name in names if name.startswith("pile_")):
        tty = f"ttyUSB{4 + index}"
        port = name if "." in name else f"{name}.serial"
        devices.append(Device(bed, name, adapter(2 + index, tty, f"5000{index:04d}"), {tty: f"{ports}/{port}"}))

    held, pulled = {}, set()
    for item in given.unplug:
        name, _, times = item.partition("@")
        at, _, length = times.partition("+")
        try:
            span = (float(at), float(at) + float(length))
        except ValueError:
            sys.exit(f"mock-bench: --unplug {item}: DEVICE@SECONDS+FOR expected, such as modem_1@2+5")
        known = [device.name for device in devices]
        if name not in known:
            sys.exit(f"mock-bench: --unplug {item}: there is no device {name} on this bench, but {', '.join(known)}")
        held.setdefault(name, []).append(span)

    for device in devices:
        device.is_held = device.name in held
    command = given.command[1:] if given.command[:1] == ["--"] else given.command
    for device in devices:
        if device.wants():
            device.plug()
    while given.ready and not all(device.is_there for device in devices):
        for device in devices:
            if device.wants() and not device.is_there:
                device.plug()
        time.sleep(0.02)
    start = time.monotonic()
    child = subprocess.Popen(command)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: child.send_signal(number))
    while child.poll() is None:
        now = time.monotonic() - start
        for device in devices:
            is_held = any(begin <= now < end for begin, end in held.get(device.name, []))
            wanted = device.wants() and not is_held
            if wanted and not device.is_there:
                device.plug()
            elif device.is_there and not wanted:
                device.unplug()
                if is_held:
                    pulled.add(device.name)
                    print(f"mock-bench: {device.name} unplugged at {now:.2f} s, CLOCK_MONOTONIC {start + now:.3f}", file=sys.stderr)
        time.sleep(0.02)
    for name in sorted(held):
        if name not in pulled:
            print(f"mock-bench: {name} was never unplugged: it was off the bus by itself then, or the command had ended", file=sys.stderr)
    sys.exit(child.returncode if child.returncode >= 0 else 128 - child.returncode)


if __name__ == "__main__":
    main()
