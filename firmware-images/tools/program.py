#!/usr/bin/env python3
"""Writes the "program" of a test badge: bytes that neither repeat nor compress, with the block in them that tells an emulated
badge how this firmware behaves (FirmwareImages/Images/EmulatedApplication.swift).

usage: program.py raw OUT VERSION BEHAVIOUR      the program alone: MCUboot body, content of a RAUC bundle
       program.py elf OUT VERSION BEHAVIOUR      an ELF file for an ESP32-S3, for esptool elf2image

The same arguments give the same bytes. Versions share nine tenths of them, as releases of one product do, so that deltas are small.
"""
import hashlib
import struct
import sys

SIZE = 40 * 1024
BLOCK = 1024
PLACE = 256  # of the application's block: a multiple of 16


def stream(purpose: str, count: int) -> bytes:
    out = b""
    number = 0
    while len(out) < count:
        out += hashlib.sha256(f"luna-badge {purpose} {number}".encode()).digest()
        number += 1
    return out[:count]


def program(version: str, behaviour: str) -> bytes:
    body = bytearray()
    for index in range(SIZE // BLOCK):
        changed = index % 10 == 3
        body += stream(f"block {index}" + (f" of {version}" if changed else ""), BLOCK)
    text = f"version={version}\nbehaviour={behaviour}\nschema=1\n".encode()
    block = b"LUNAAPP1" + struct.pack("<H", len(text)) + text
    body[PLACE : PLACE + len(block)] = block
    return bytes(body)


def descriptor(version: str, secure_version: int) -> bytes:
    """esp_app_desc_t of ESP-IDF, 256 bytes."""

    def field(text: str, length: int) -> bytes:
        return text.encode()[:length].ljust(length, b"\0")

    return (
        struct.pack("<II8x", 0xABCD5432, secure_version)
        + field(version, 32) + field("luna-badge", 32) + field("12:00:00", 16) + field("Jan  1 2026", 16) + field("v5.5.1", 32)
        + bytes(32)  # SHA-256 of the ELF file: esptool fills it in
        + bytes(80)
    )


def elf(sections) -> bytes:
    """A 32-bit little-endian Xtensa ELF file with nothing but sections (name, address, data)."""
    names = b"\0"
    places = []
    for name, _, _ in sections:
        places.append(len(names))
        names += name.encode() + b"\0"
    strings = len(names)
    names += b".shstrtab\0"
    offset = 52
    content = b""
    headers = [struct.pack("<10I", *[0] * 10)]
    for (name, address, data), place in zip(sections, places):
        flags = 0x6 if name == ".flash.text" else 0x2  # allocated, executable
        headers.append(struct.pack("<10I", place, 1, flags, address, offset + len(content), len(data), 0, 0, 4, 0))
        content += data
    headers.append(struct.pack("<10I", strings, 3, 0, 0, offset + len(content), len(names), 0, 0, 1, 0))
    content += names
    content += b"\0" * (-len(content) % 4)
    identity = b"\x7fELF\x01\x01\x01" + bytes(9)
    header = identity + struct.pack("<HHIIIIIHHHHHH", 2, 0x5E, 1, 0x40378000, 0, offset + len(content), 0, 52, 32, 0, 40, len(headers), len(headers) - 1)
    return header + content + b"".join(headers)


def main() -> None:
    form, out, version, behaviour = sys.argv[1:5]
    body = program(version, behaviour)
    if form == "elf":
        secure_version = int(version.split(".")[1]) >= 5 and 2 or 1
        body = elf([
            (".flash.appdesc", 0x3C000020, descriptor(version, secure_version) + body[: 36 * 1024]),
            (".dram0.data", 0x3FC90000, body[36 * 1024 : 38 * 1024]),
            (".iram0.text", 0x40378000, body[38 * 1024 :]),
        ])
    with open(out, "wb") as file:
        file.write(body)


main()
