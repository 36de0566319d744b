"""What Eclipse Paho for Python sees of the broker: one check a process.

usage: checks.py CHECK HOST PORT VERSION [websockets] [tls=FILE]

Prints what is wrong and ends with 1, or ends with 0. Nothing here waits for a fixed time: every step waits for its event,
at most TIMEOUT seconds.
"""

import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

TIMEOUT = 20
HOST, PORT, VERSION = sys.argv[2], int(sys.argv[3]), mqtt.MQTTv5 if sys.argv[4] == "5.0" else mqtt.MQTTv311
OPTIONS = sys.argv[5:]
IS_V5 = VERSION == mqtt.MQTTv5


def expect(condition, text):
    if not condition:
        print(text)
        sys.stdout.flush()
        # The clients' threads must not keep the process.
        import os

        os._exit(1)


class Client:
    """A Paho client whose events can be waited for."""

    def __init__(self, name, clean=True, will=None, expiry=None, user=None):
        arguments = {"client_id": name, "protocol": VERSION, "transport": "websockets" if "websockets" in OPTIONS else "tcp"}
        if not IS_V5:
            arguments["clean_session"] = clean
        self.paho = mqtt.Client(**arguments)
        self.name, self.clean, self.expiry = name, clean, expiry
        self.messages, self.changed = [], threading.Condition()
        self.connected = self.disconnected = None
        self.acknowledged, self.granted = set(), {}
        self.present = None
        for option in OPTIONS:
            if option.startswith("tls="):
                self.paho.tls_set(ca_certs=option[4:])
        if user:
            self.paho.username_pw_set(*user)
        if will:
            self.paho.will_set(*will)
        self.paho.on_connect = self.on_connect
        self.paho.on_disconnect = self.on_disconnect
        self.paho.on_message = lambda client, data, message: self.note(lambda: self.messages.append(message))
        self.paho.on_publish = lambda client, data, mid: self.note(lambda: self.acknowledged.add(mid))
        self.paho.on_subscribe = self.on_subscribe

    def note(self, change):
        with self.changed:
            change()
            self.changed.notify_all()

    def on_connect(self, client, data, flags, reason, properties=None):
        def change():
            self.connected = int(reason.value) if IS_V5 else int(reason)
            self.present = flags["session present"]

        self.note(change)

    def on_disconnect(self, client, data, reason, properties=None):
        self.note(lambda: setattr(self, "disconnected", reason))

    def on_subscribe(self, client, data, mid, codes, properties=None):
        self.note(lambda: self.granted.update({mid: [code.value if IS_V5 else code for code in codes]}))

    def wait(self, condition, what):
        with self.changed:
            expect(self.changed.wait_for(condition, TIMEOUT), f"{self.name}: {what} did not happen in {TIMEOUT} s; it has {self.texts()}")

    def texts(self):
        return [message.payload.decode() for message in self.messages]

    def connect(self):
        if IS_V5:
            properties = Properties(PacketTypes.CONNECT)
            if self.expiry is not None:
                properties.SessionExpiryInterval = self.expiry
            self.paho.connect(HOST, PORT, 30, clean_start=self.clean, properties=properties)
        else:
            self.paho.connect(HOST, PORT, 30)
        self.paho.loop_start()
        self.wait(lambda: self.connected is not None, "CONNACK")
        return self

    def subscribe(self, topic, quality, options=None):
        result, mid = self.paho.subscribe(topic, options=options) if options else self.paho.subscribe(topic, quality)
        self.wait(lambda: mid in self.granted, "SUBACK")
        return self.granted[mid][0]

    def publish(self, topic, text, quality=0, retain=False):
        info = self.paho.publish(topic, text, quality, retain)
        self.wait(lambda: info.mid in self.acknowledged, "the acknowledgement")

    def receive(self, count):
        self.wait(lambda: len(self.messages) >= count, f"message {count}")
        return self.messages

    def end(self):
        self.paho.disconnect()
        self.wait(lambda: self.disconnected is not None, "the end of the connection")
        self.paho.loop_stop()

    def vanish(self):
        """The socket is closed without a DISCONNECT."""
        self.paho.loop_stop()
        self.paho.socket().close()


def qualities():
    subscriber, publisher = Client("sub").connect(), Client("pub").connect()
    for quality in (0, 1, 2):
        granted = subscriber.subscribe(f"q/{quality}", quality)
        expect(granted == quality, f"granted {granted} instead of {quality}")
    for quality in (0, 1, 2):
        for number in range(20):
            publisher.publish(f"q/{quality}", f"{quality}-{number}", quality)
    messages = subscriber.receive(60)
    for quality in (0, 1, 2):
        texts = [message.payload.decode() for message in messages if message.topic == f"q/{quality}"]
        expect(texts == [f"{quality}-{number}" for number in range(20)], f"quality {quality}: {texts}")
        expect(all(m.qos == quality for m in messages if m.topic == f"q/{quality}"), f"quality {quality} came with another")
    large = "x" * 300_000
    publisher.publish("q/2", large, 2)
    expect(subscriber.receive(61)[60].payload.decode() == large, "a large message changed on its way")
    publisher.end()
    subscriber.end()


def will():
    watcher = Client("watcher").connect()
    watcher.subscribe("wills/#", 1)
    broken = Client("broken", will=("wills/broken", "gone", 1, False)).connect()
    broken.vanish()
    first = watcher.receive(1)[0]
    expect((first.topic, first.payload, first.qos) == ("wills/broken", b"gone", 1), f"{first.topic} {first.payload} {first.qos}")
    # After a DISCONNECT there is no will: what comes next is something else.
    Client("orderly", will=("wills/orderly", "gone", 1, False)).connect().end()
    other = Client("other").connect()
    other.publish("wills/marker", "marker", 1)
    expect(watcher.receive(2)[1].topic == "wills/marker", "a will after DISCONNECT")
    other.end()
    watcher.end()


def retained():
    publisher = Client("pub").connect()
    publisher.publish("state/a", "1", 1, retain=True)
    publisher.publish("state/b", "2", 1, retain=True)
    late = Client("late").connect()
    late.subscribe("state/#", 1)
    expect(sorted((m.topic, m.payload, m.retain) for m in late.receive(2)) == [("state/a", b"1", 1), ("state/b", b"2", 1)], "retained messages")
    publisher.publish("state/a", "", 1, retain=True)
    live = late.receive(3)[2]
    expect((live.payload, live.retain) == (b"", 0), "the deletion is not delivered live")
    later = Client("later").connect()
    later.subscribe("state/#", 1)
    publisher.publish("state/marker", "marker", 1)
    expect(sorted(m.topic for m in later.receive(2)) == ["state/b", "state/marker"], "a deleted message is still there")
    for client in (publisher, late, later):
        client.end()


def session():
    first = Client("keeper", clean=False, expiry=3600).connect()
    expect(not first.present, "a session that nobody began")
    first.subscribe("kept/#", 2)
    first.end()
    publisher = Client("pub").connect()
    for quality in (1, 2):
        for number in range(10):
            publisher.publish(f"kept/{quality}", f"{quality}-{number}", quality)
    again = Client("keeper", clean=False, expiry=3600).connect()
    expect(again.present, "the session is gone")
    texts = [message.payload.decode() for message in again.receive(20)]
    expect(texts == [f"{quality}-{number}" for quality in (1, 2) for number in range(10)], f"{texts}")
    again.end()
    fresh = Client("keeper", clean=True).connect()
    expect(not fresh.present, "a clean start kept the session")
    fresh.end()
    publisher.end()


def shared():
    members = [Client(f"member{number}").connect() for number in range(3)]
    for member in members:
        expect(member.subscribe("$share/group/jobs/#", 1) == 1, "shared subscription refused")
    everybody = Client("everybody").connect()
    everybody.subscribe("jobs/#", 1)
    publisher = Client("pub").connect()
    for number in range(30):
        publisher.publish("jobs/item", str(number), 1)
    everybody.receive(30)
    deadline = threading.Event()
    for _ in range(TIMEOUT * 100):
        if sum(len(member.messages) for member in members) >= 30:
            break
        deadline.wait(0.01)
    texts = sorted(int(text) for member in members for text in member.texts())
    expect(texts == list(range(30)), f"each message once for the group: {texts}")
    expect(all(member.messages for member in members), f"one member did nothing: {[len(member.messages) for member in members]}")
    for client in members + [everybody, publisher]:
        client.end()


def options():
    """Subscription options and properties of 5.0."""
    client = Client("self").connect()
    client.subscribe("echo/no", 1, SubscribeOptions(qos=1, noLocal=True))
    client.subscribe("echo/yes", 1, SubscribeOptions(qos=1, retainAsPublished=True))
    properties = Properties(PacketTypes.PUBLISH)
    properties.ResponseTopic = "answers/1"
    properties.CorrelationData = b"\x01\x02"
    properties.UserProperty = [("a", "1"), ("b", "2"), ("a", "3")]
    properties.ContentType = "text/plain"
    client.paho.publish("echo/no", "no", 1, properties=properties)
    client.paho.publish("echo/yes", "yes", 1, retain=True, properties=properties)
    message = client.receive(1)[0]
    expect((message.topic, message.retain) == ("echo/yes", True), f"{message.topic} {message.retain}")
    expect(message.properties.ResponseTopic == "answers/1", "response topic")
    expect(message.properties.CorrelationData == b"\x01\x02", "correlation data")
    expect(message.properties.UserProperty == [("a", "1"), ("b", "2"), ("a", "3")], f"user properties {message.properties.UserProperty}")
    expect(message.properties.ContentType == "text/plain", "content type")
    client.end()


def rights():
    """Users and their rights: in 3.1.1 a bad password is 4 or 5, in 5.0 0x86."""
    wrong = Client("wrong", user=("badge", "guess")).connect()
    expect(wrong.connected == (0x86 if IS_V5 else 4), f"refused with {wrong.connected}")
    badge = Client("badge", user=("badge", "secret")).connect()
    expect(badge.connected == 0, f"refused with {badge.connected}")
    expect(badge.subscribe("badges/badge/#", 1) == 1, "own topics refused")
    expect(badge.subscribe("badges/#", 1) == (0x87 if IS_V5 else 0x80), "the topics of others granted")
    badge.paho.publish("badges/other", "stolen", 1)
    badge.publish("badges/badge/a", "own", 1)
    expect([message.topic for message in badge.receive(1)] == ["badges/badge/a"], "a publish beyond the rights was delivered")
    badge.end()


CHECKS = {check.__name__: check for check in (qualities, will, retained, session, shared, options, rights)}

if __name__ == "__main__":
    CHECKS[sys.argv[1]]()
