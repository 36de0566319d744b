"""Makes ESP32 images with esptool and espsecure, damages them, and writes the tools' own verdict on each.

usage: esp32.py FOLDER SEED PROGRAM.PY      (Python of the environment in which esptool is installed)

FOLDER/verdicts.json: [{"file", "key" (PEM file or null), "fit", "about"}]
"""
import contextlib
import io
import json
import os
import pathlib
import random
import struct
import subprocess
import sys

import espsecure
from esptool.cmds import image_info

folder = pathlib.Path(sys.argv[1])
chance = random.Random(int(sys.argv[2]))
maker = {"__name__": "program"}
exec(pathlib.Path(sys.argv[3]).read_text().replace("\nmain()\n", "\n"), maker)
os.chdir(folder)
tools = pathlib.Path(sys.executable).parent
verdicts = []


def run(tool: str, *arguments: str) -> None:
    result = subprocess.run([tools / tool, *arguments], capture_output=True, text=True)
    if result.returncode != 0:
        raise SystemExit(f"{tool} {arguments}: {result.stdout} {result.stderr}")


def quietly(action) -> str | None:
    """What it printed; None where it refused."""
    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(io.StringIO()):
            action()
        return output.getvalue()
    except (Exception, SystemExit):
        return None


def verdict(file: str, key: str | None, scheme: str) -> bool:
    text = quietly(lambda: image_info(file))
    # image-info says in words that checksum or hash are wrong, and takes what it does not know for an ESP8266.
    if text is None or "(invalid" in text or "ESP8266" in text:
        return False
    if key is None:
        return True
    with open(key, "rb") as key_file, open(file, "rb") as data:
        return quietly(lambda: espsecure.verify_signature(scheme, False, None, key_file, data)) is not None


def judge(file: str, key: str | None, scheme: str, about: str) -> None:
    verdicts.append({"file": file, "key": key, "fit": verdict(file, key, scheme), "about": about})


layouts = {
    "esp32": (0x5E, 0x3F400020, 0x3FFB0000, 0x40080000, 0x400D0020), "esp32s2": (0x5E, 0x3F000020, 0x3FFC0000, 0x40028000, 0x40080020),
    "esp32s3": (0x5E, 0x3C000020, 0x3FC90000, 0x40378000, 0x42000020), "esp32c3": (0xF3, 0x3C000020, 0x3FC90000, 0x40380000, 0x42010020),
    "esp32c6": (0xF3, 0x42000020, 0x40800000, 0x40810000, 0x42010020), "esp32h2": (0xF3, 0x42000020, 0x40800000, 0x40810000, 0x42010020),
}
images = []  # (file, key, scheme, about)
for chip, (machine, drom, dram, iram, irom) in layouts.items():
    stream = maker["stream"]
    sections = [
        (".flash.appdesc", drom, maker["descriptor"]("1.2.3", 7) + stream("a", 4 * chance.randrange(1, 200))),
        (".dram0.data", dram, stream("b", 4 * chance.randrange(1, 100))), (".iram0.text", iram, stream("c", 4 * chance.randrange(1, 100))),
    ]
    if chip in ("esp32s3", "esp32c6"):
        sections.append((".flash.text", irom, stream("d", 1000)))
    elf = bytearray(maker["elf"](sections))
    elf[18:20] = struct.pack("<H", machine)
    pathlib.Path(f"{chip}.elf").write_bytes(elf)
    for name, options in [("", []), ("-nohash", ["--dont-append-digest"]), ("-revisions", ["--min-rev-full", "1", "--max-rev-full", "399", "--flash-size", "16MB"])]:
        if name and chip not in ("esp32s3", "esp32c3"):
            continue
        run("esptool", "--chip", chip, "elf2image", *options, "-o", f"{chip}{name}.bin", f"{chip}.elf")
        images.append((f"{chip}{name}.bin", None, "", f"{chip} {' '.join(options)}"))
elf = maker["elf"]([(".iram0.text", 0x40378000, b"\1\2\3\4")])
pathlib.Path("least.elf").write_bytes(elf)
run("esptool", "--chip", "esp32s3", "elf2image", "-o", "least.bin", "least.elf")
images.append(("least.bin", None, "", "the least image"))
for scheme in ["rsa3072", "ecdsa192", "ecdsa256", "ecdsa384"]:
    for number in "12":
        run("espsecure", "generate-signing-key", "--version", "2", "--scheme", scheme, f"{scheme}-{number}.pem")
        subprocess.run(["openssl", "pkey", "-in", f"{scheme}-{number}.pem", "-pubout", "-out", f"{scheme}-{number}.pub.pem"], check=True)
    run("espsecure", "sign-data", "--version", "2", "-k", f"{scheme}-1.pem", "-o", f"{scheme}.bin", "esp32c3.bin")
    images.append((f"{scheme}.bin", f"{scheme}-1.pub.pem", "2", f"secure boot v2 {scheme}"))
    run("espsecure", "sign-data", "--version", "2", "-k", f"{scheme}-2.pem", "--append-signatures", "-o", f"{scheme}-twice.bin", f"{scheme}.bin")
    images.append((f"{scheme}-twice.bin", f"{scheme}-2.pub.pem", "2", f"secure boot v2 {scheme}, two signatures"))
run("espsecure", "generate-signing-key", "--version", "1", "old.pem")
subprocess.run(["openssl", "pkey", "-in", "old.pem", "-pubout", "-out", "old.pub.pem"], check=True)
run("espsecure", "sign-data", "--version", "1", "-k", "old.pem", "-o", "old.bin", "esp32.bin")
images.append(("old.bin", "old.pub.pem", "1", "secure boot v1"))

number = 0
for file, key, scheme, about in images:
    judge(file, key, scheme, about)
    if key and scheme == "2":
        judge(file, None, scheme, about + ", without key")
        judge(file, "rsa3072-2.pub.pem" if "rsa" not in key else "ecdsa256-2.pub.pem", scheme, about + ", another key")
    good = pathlib.Path(file).read_bytes()
    offset = 24
    places = list(range(24))
    for _ in range(good[1]):
        places += [offset, offset + 4, offset + 5, offset + 6, offset + 7, offset + 8]
        offset += 8 + struct.unpack("<I", good[offset + 4:offset + 8])[0]
    checksum = offset | 15
    end = checksum + 1 + (32 if good[23] else 0)
    places += [checksum - 1, checksum, min(checksum + 1, len(good) - 1), end - 1]
    damages = [("flip", place) for place in places] + [("flip", chance.randrange(len(good))) for _ in range(6)]
    damages += [("cut", place) for place in [1, 4, 8, 23, 24, 31, 32, checksum, checksum + 1, end - 1, len(good) - 1]] + [("tail", 0), ("pair", 0)]
    chosen = chance.sample(damages, 14)
    if scheme == "2":
        sector = len(good) - 4096
        block = [0, 1, 2, 4, 20, 36, 37, 40, 52, 100, 101, 130, 150, 200, 244, 419, 420, 500, 812, 900, 1195, 1196, 1199, 1200, 1216, 1217, 1220, 1300, 2400, 2432, 4000]
        chosen = chance.sample(damages, 6) + [("flip", sector + place) for place in chance.sample(block, 16)]
    if scheme == "1":
        chosen += [("flip", len(good) - place) for place in (68, 65, 64, 32, 1)]
    for kind, place in chosen:
        bad = bytearray(good)
        if kind == "flip":
            bad[place] ^= 1 << chance.randrange(8)
        elif kind == "cut":
            bad = bad[:place]
        elif kind == "tail":
            bad += b"garbage!"
        else:
            bad[60] ^= 1
            bad[61] ^= 1
        name = f"{number}.bin"
        number += 1
        pathlib.Path(name).write_bytes(bad)
        judge(name, key, scheme, f"{about}, {kind} at {place:#x}")

pathlib.Path("verdicts.json").write_text(json.dumps(verdicts))
