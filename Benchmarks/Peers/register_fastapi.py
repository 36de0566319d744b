"""Registration of devices as a FastAPI service: what the lab's cloud does for POST /api/v1/devices/register, with the same
signature check, the same tables, the same settings of SQLite, and the same commits: the device's is brought to the disk before the
answer, those of the nonce and of the audit log are in the write-ahead log.

usage: register_fastapi.py --master HEX --provision COUNT --database FILE
Prints its port, and serves until its standard input ends.
"""

import argparse
import base64
import hashlib
import hmac
import os
import re
import secrets
import socket
import sqlite3
import sys
import threading
import time
from typing import Annotated

import jwt
import uvicorn
from fastapi import FastAPI, Header, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, StringConstraints

HOST = "cloud.lab"
TENANT = "default"
WINDOW = 300
NONCE_LIFE = 600
TOKEN_LIFE = 900

Word16 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,16}$")]
Word32 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,32}$")]
Word64 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
DeviceID = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=128)]
MAC = Annotated[str, StringConstraints(pattern=r"^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$")]
NONCE = re.compile(r"^[A-Za-z0-9_-]{16,64}$")
SIGNATURE = re.compile(r"^v1:sha256:([0-9a-f]{64})$")


class Registration(BaseModel):
    model_config = ConfigDict(extra="forbid")
    device_id: DeviceID
    device_name: Name
    hardware_version: Word16
    mac_address: MAC
    device_type: Word32 = "luna_badge"
    software_version: Word16 | None = None
    serial_no: Word64 | None = None
    hardware_id: Word64 | None = None


def derive(master: bytes, salt: str, info: str) -> bytes:
    """HKDF-SHA256, 32 bytes (RFC 5869)."""
    seed = hmac.digest(salt.encode(), master, "sha256")
    return hmac.digest(seed, info.encode() + b"\x01", "sha256")


def open_database(path: str, provision: int) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=64)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA temp_store = MEMORY")
    db.executescript(
        """
        CREATE TABLE nonces (
            device TEXT NOT NULL, nonce TEXT NOT NULL, last_second INTEGER NOT NULL, PRIMARY KEY (device, nonce)
        ) WITHOUT ROWID;
        CREATE INDEX nonces_last_second ON nonces (last_second);
        CREATE TABLE factory_devices (
            serial_no VARCHAR(64) PRIMARY KEY NOT NULL, tenant VARCHAR(64) NOT NULL, device_type VARCHAR(32),
            hardware_version VARCHAR(16), origin VARCHAR(16) NOT NULL, created_at TIMESTAMP NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE audit_log (
            id INTEGER PRIMARY KEY, at INTEGER NOT NULL, request_id TEXT NOT NULL, tenant TEXT NOT NULL, caller TEXT NOT NULL,
            peer TEXT NOT NULL, method TEXT NOT NULL, route TEXT NOT NULL, target TEXT NOT NULL, status INTEGER NOT NULL, error TEXT
        );
        CREATE TABLE devices (
            id INTEGER PRIMARY KEY AUTOINCREMENT, device_id VARCHAR(64) UNIQUE NOT NULL, device_name VARCHAR(128) NOT NULL,
            device_type VARCHAR(32) NOT NULL, hardware_version VARCHAR(16), software_version VARCHAR(16), mac_address VARCHAR(17),
            ip_address VARCHAR(15), status VARCHAR(16) NOT NULL DEFAULT 'offline', last_heartbeat TIMESTAMP,
            created_at TIMESTAMP NOT NULL, updated_at TIMESTAMP NOT NULL, user_id INTEGER, config_version INTEGER NOT NULL DEFAULT 0,
            location_info JSON, device_info JSON, tenant VARCHAR(64) NOT NULL, serial_no VARCHAR(64) UNIQUE NOT NULL,
            state VARCHAR(16) NOT NULL, form VARCHAR(16) NOT NULL, fingerprint VARCHAR(64) NOT NULL,
            hardware_id VARCHAR(64) NOT NULL, key_epoch INTEGER NOT NULL, reported_config_version INTEGER NOT NULL DEFAULT 0,
            heartbeats INTEGER NOT NULL DEFAULT 0, clone_alarms INTEGER NOT NULL DEFAULT 0
        );
        """
    )
    now = int(time.time() * 1000)
    db.execute("BEGIN IMMEDIATE")
    db.executemany(
        "INSERT INTO factory_devices VALUES (?, ?, NULL, NULL, 'factory', ?)",
        ((f"BDG-{number:07d}", TENANT, now) for number in range(provision)),
    )
    db.execute("COMMIT")
    return db


def make_app(db: sqlite3.Connection, master: bytes) -> FastAPI:
    app = FastAPI(openapi_url=None)
    device_master = secrets.token_bytes(32)
    token_key = secrets.token_bytes(32)
    tenant_salt = secrets.token_hex(32)

    def refuse(status: int, name: str) -> HTTPException:
        return HTTPException(status, {"error": name})

    durability = ""

    def begin(wanted: str):
        """A transaction that is brought to the disk at once (FULL), or with the next one that is (NORMAL). As the cloud, which tells
        SQLite only where it changes."""
        nonlocal durability
        if wanted != durability:
            db.execute(f"PRAGMA synchronous = {wanted}")
            durability = wanted
        db.execute("BEGIN IMMEDIATE")

    def claim(device: str, nonce: str, now: int) -> bool:
        # The device's commit brings it to the disk, too.
        begin("NORMAL")
        count = db.execute("INSERT OR IGNORE INTO nonces VALUES (?, ?, ?)", (device, nonce, now + NONCE_LIFE)).rowcount
        db.execute("COMMIT")
        return count == 1

    def audit(request: Request, request_id: str, caller: str, status: int, now: int):
        begin("NORMAL")
        db.execute(
            "INSERT INTO audit_log (at, request_id, tenant, caller, peer, method, route, target, status, error) VALUES (?,?,?,?,?,'POST',?,?,?,NULL)",
            (now, request_id, TENANT, caller, request.client.host, request.url.path, request.url.path, status),
        )
        db.execute("COMMIT")

    @app.get("/health")
    async def health():
        return {"code": 0, "data": {"status": "ok"}, "message": "success"}

    @app.post("/api/v1/devices/register")
    async def register(
        request: Request,
        form: Registration,
        x_device_id: Annotated[str, Header()],
        x_timestamp: Annotated[int, Header()],
        x_nonce: Annotated[str, Header()],
        x_signature: Annotated[str, Header()],
    ):
        now = int(time.time())
        signature = SIGNATURE.match(x_signature)
        if not signature or not NONCE.match(x_nonce):
            raise refuse(401, "SIGNATURE_INVALID")
        if abs(now - x_timestamp) > WINDOW:
            raise refuse(401, "CLOCK_SKEW")
        query = "&".join(sorted(request.url.query.split("&"))) if request.url.query else ""
        # The body was read for the form; this gives the same bytes again.
        digest = hashlib.sha256(await request.body()).hexdigest()
        text = "\n".join(
            ["v1", "POST", request.url.path, query, request.headers["host"], str(x_timestamp), x_nonce, x_device_id, TENANT, digest]
        )
        key = derive(master, "lab factory v1", f"factory-key|{x_device_id}")
        if not hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), signature[1]):
            raise refuse(401, "SIGNATURE_INVALID")
        if not claim(f"factory|{x_device_id}", x_nonce, now):
            raise refuse(401, "REPLAYED")

        serial = form.serial_no or x_device_id
        if serial != x_device_id:
            raise refuse(422, "INVALID_FIELD")
        mac = form.mac_address.lower()
        hardware = form.hardware_id or mac
        fingerprint = hashlib.sha256(f"{tenant_salt}|{hardware}|{form.device_type}|{serial}".encode()).hexdigest()

        def decide():
            factory = db.execute("SELECT device_type FROM factory_devices WHERE serial_no = ? AND tenant = ?", (serial, TENANT)).fetchone()
            known = db.execute("SELECT device_id, fingerprint, key_epoch FROM devices WHERE serial_no = ?", (serial,)).fetchone()
            holder = db.execute("SELECT serial_no FROM devices WHERE device_id = ?", (form.device_id,)).fetchone()
            if factory is None:
                raise refuse(403, "DEVICE_NOT_PROVISIONED")
            if factory[0] is not None and factory[0] != form.device_type:
                raise refuse(422, "INVALID_FIELD")
            if holder and holder[0] != serial:
                raise refuse(409, "DEVICE_ID_TAKEN")
            if known and known[0] != form.device_id:
                raise refuse(409, "DEVICE_ID_TAKEN")
            if known and known[1] != fingerprint:
                raise refuse(409, "DEVICE_CLONED")
            return known

        decide()
        moment = int(time.time() * 1000)
        begin("FULL")
        try:
            known = decide()
            if known:
                db.execute(
                    "UPDATE devices SET device_name = ?, hardware_version = ?, software_version = coalesce(?, software_version), updated_at = ? WHERE serial_no = ?",
                    (form.device_name, form.hardware_version, form.software_version, moment, serial),
                )
            else:
                db.execute(
                    "INSERT INTO devices (device_id, device_name, device_type, hardware_version, software_version, mac_address, created_at, updated_at,"
                    " tenant, serial_no, state, form, fingerprint, hardware_id, key_epoch) VALUES (?,?,?,?,?,?,?,?,?,?,'active','luna',?,?,1)",
                    (form.device_id, form.device_name, form.device_type, form.hardware_version, form.software_version, mac, moment, moment,
                     TENANT, serial, fingerprint, hardware),
                )
            record = db.execute("SELECT device_id, key_epoch, config_version FROM devices WHERE serial_no = ?", (serial,)).fetchone()
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise

        device, epoch, version = record
        secret = derive(device_master, "lab device v1", f"device-key|{device}|{epoch}")
        claims = {
            "iss": "lab-cloud", "aud": "device-api", "typ": "device", "sub": device, "device_id": device, "tenant": TENANT, "role": "device",
            "epoch": epoch, "iat": now, "nbf": now, "exp": now + TOKEN_LIFE, "jti": secrets.token_hex(16),
        }
        token = jwt.encode(claims, token_key, algorithm="HS256", headers={"kid": "1"})
        request_id = secrets.token_hex(8)
        status = 200 if known else 201
        audit(request, request_id, f"factory {serial}", status, now)
        return JSONResponse(
            {
                "code": 0,
                "data": {
                    "device_id": device, "device_secret": base64.urlsafe_b64encode(secret).rstrip(b"=").decode(), "key_epoch": epoch,
                    "token": token, "token_expires_at": now + TOKEN_LIFE,
                    "mqtt": {"host": HOST, "port": 1883, "client_id": device, "username": device}, "config_version": version,
                },
                "message": "success",
            },
            status_code=status,
            headers={"x-request-id": request_id},
        )

    return app


def end_with_parent():
    sys.stdin.read()
    os._exit(0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--master", required=True)
    parser.add_argument("--provision", type=int, required=True)
    parser.add_argument("--database", required=True)
    options = parser.parse_args()
    app = make_app(open_database(options.database, options.provision), bytes.fromhex(options.master))
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=end_with_parent, daemon=True).start()
    config = uvicorn.Config(app, loop="uvloop", http="httptools", log_level="warning", access_log=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])


main()
