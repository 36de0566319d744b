"""Serial ports that are all busy at 115,200 bit/s in both directions, with pySerial and selectors: the peer of PortsBenchmark.

Prints at the end: bytes received, of these wrong, nanoseconds of the longest time between two reads of a port, of the whole, of processor time.
"""

import argparse
import selectors
import time

import serial

RATE = 11_520


def numbered(port, is_answer, count):
    top = (0x80 if is_answer else 0) | port
    return b"".join((top << 24 | word).to_bytes(4, "big") for word in range((count + 3) // 4))[:count]


class Wire:
    def __init__(self, path, number, total):
        self.port = serial.Serial(path, 115_200, timeout=0, exclusive=True)
        self.outgoing = numbered(number, False, total)
        self.expected = numbered(number, True, total)
        self.sent = self.received = self.wrong = self.longest = self.last = 0

    def send_due(self, elapsed):
        due = min(len(self.outgoing), elapsed * RATE // 1_000_000_000)
        if due > self.sent:
            self.port.write(self.outgoing[self.sent : due])
            self.sent = due

    def receive(self):
        data = self.port.read(4096)
        now = time.monotonic_ns()
        self.longest = max(self.longest, now - self.last)
        self.last = now
        expected = self.expected[self.received : self.received + len(data)]
        if data != expected:
            self.wrong += sum(a != b for a, b in zip(data, expected)) + len(data) - len(expected)
        self.received += len(data)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--folder")
    options.add_argument("--ports", type=int)
    options.add_argument("--seconds", type=int)
    given = options.parse_args()
    total = RATE * given.seconds
    wires = [Wire(f"{given.folder}/port-{number}", number, total) for number in range(given.ports)]
    selector = selectors.DefaultSelector()
    for wire in wires:
        selector.register(wire.port, selectors.EVENT_READ, wire)
    start = following = time.monotonic_ns()
    used = time.process_time_ns()
    for wire in wires:
        wire.last = start
    tick = 0
    while (now := time.monotonic_ns()) - start < (given.seconds + 10) * 1_000_000_000:
        if now >= following:
            for wire in wires[tick % 5 :: 5]:
                wire.send_due(now - start)
            tick += 1
            following = max(following + 1_000_000, now)
            if all(wire.sent == total and wire.received >= total for wire in wires):
                break
        for key, _ in selector.select(max(0, following - time.monotonic_ns()) / 1e9):
            key.data.receive()
    elapsed, used = time.monotonic_ns() - start, time.process_time_ns() - used
    for wire in wires:
        wire.port.close()
    print(sum(wire.received for wire in wires), sum(wire.wrong for wire in wires), max(wire.longest for wire in wires), elapsed, used)


main()
