"""A fleet of AP3000 piles in asyncio: registration, then a heartbeat with the states of ten ports at an interval, each with its answer.

Prints "online" when all are registered, and at the end: frames, answers, nanoseconds of processor time, bytes of memory of the fleet.
"""

import asyncio
import resource
import struct
import sys
import time


def frame(pile, message, command, data):
    head = b"DNY" + struct.pack("<HIHB", 9 + len(data), pile, message, command) + data
    return head + struct.pack("<H", sum(head) & 0xFFFF)


async def read_frame(reader):
    head = await reader.readexactly(5)
    if head[:3] != b"DNY":
        raise ValueError("no frame")
    body = await reader.readexactly(struct.unpack_from("<H", head, 3)[0])
    if sum(head + body[:-2]) & 0xFFFF != struct.unpack("<H", body[-2:])[0]:
        raise ValueError("checksum")
    return struct.unpack_from("<IHB", body)


class Pile:
    def __init__(self, number, port):
        self.id = 0x05000000 + number
        self.port = port
        self.message = 0
        self.states = [0] * 10
        self.voltage = 2200
        self.bills = []

    async def ask(self, command, data):
        self.message = self.message % 0xFFFF + 1
        self.writer.write(frame(self.id, self.message, command, data))
        while True:
            pile, message, answered = await read_frame(self.reader)
            if answered == command and message == self.message:
                return

    async def login(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        await self.ask(0x20, struct.pack("<HBBBBH", 640, 10, 0, 0x20, 0, 0))

    async def beat(self, fleet, interval, first):
        await asyncio.sleep(first)
        while True:
            begin = time.monotonic()
            data = struct.pack("<HB", self.voltage, len(self.states)) + bytes(self.states) + struct.pack("<BB", 0, 90)
            fleet.frames += 1
            try:
                await self.ask(0x21, data)
            except (asyncio.IncompleteReadError, ConnectionError):
                return  # The gateway is gone; frames without answers tell of it.
            fleet.answers += 1
            await asyncio.sleep(interval - (time.monotonic() - begin))


class Fleet:
    frames = 0
    answers = 0


def memory():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


async def main():
    port, count, interval, seconds = (int(word) for word in sys.argv[1:5])
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    before = memory()
    fleet = Fleet()
    piles = [Pile(number, port) for number in range(count)]
    for first in range(0, count, 200):
        await asyncio.gather(*(pile.login() for pile in piles[first : first + 200]))
    tasks = [asyncio.create_task(pile.beat(fleet, interval, interval * number / count)) for number, pile in enumerate(piles)]
    await asyncio.sleep(interval)
    print("1", flush=True)
    frames, answers, cpu = fleet.frames, fleet.answers, time.process_time_ns()
    await asyncio.sleep(seconds)
    print(fleet.frames - frames, fleet.answers - answers, time.process_time_ns() - cpu, memory() - before, flush=True)
    for task in tasks:
        task.cancel()


asyncio.run(main())
