#!/usr/bin/env python3
"""The bytes of WIRE.md a second time, written from that page alone: prints vectors.txt, one "name hex" a line.

Needs the package `cryptography` for Ed25519. Run: python3 wire_vectors.py > vectors.txt
"""
import hashlib
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def h(label, *fields):
    state = hashlib.blake2b(digest_size=32)
    for field in (b"fedspend/v1/" + label, *fields):
        state.update(struct.pack("<Q", len(field)) + field)
    return state.digest()


def counted(data):
    return struct.pack("<I", len(data)) + data


def frame(kind, body, session, key=None):
    sender, signature = bytes(32), bytes(64)
    if key is not None:
        sender = h(b"id", key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        signature = key.sign(h(b"msg", struct.pack("<I", kind), session, sender, body))
    return struct.pack("<4sHH", b"FSP1", 1, kind) + sender + session + signature + counted(body)


def packed(values, bits):
    number = sum(value << (i * bits) for i, value in enumerate(values))
    return number.to_bytes((len(values) * bits + 7) // 8, "little")


key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
plan = b"schema = 1\n"
task, attempt = b"\x33" * 16, bytes(range(16))
plan_hash, model_hash = h(b"plan", plan), h(b"model", struct.pack("<3f", 1, -0.5, 0.25))
session = h(b"sid", task, struct.pack("<Q", 7), model_hash, plan_hash, struct.pack("<I", 130), attempt)

bodies = {
    "check_in": struct.pack("<HH", 1, 1) + counted("kort-københavn".encode()) + counted(b"fedspend 0.1.0") + b"\x11" * 32 + b"\x22" * 32,
    "assignment": struct.pack("<H16sQ16sII", 1, task, 7, attempt, 130, 60000) + plan_hash + model_hash + counted(plan)
                  + key.sign(h(b"plan-signature", plan)),
    "come_back": struct.pack("<BIHH", 3, 300000, 1, 1),
    "update": h(b"update", packed([1, 2, 3, 0xABCDEF], 24)) + struct.pack("<IB", 4, 24),
    "update_reply": struct.pack("<BI", 1, 60000),
    "decline": struct.pack("<B", 2),
}
contents = b"FSMODEL1" + struct.pack("<BB", 1, 13) + b"next_category" + plan_hash + struct.pack("<QI", 7, 3) + struct.pack("<3f", 1, -0.5, 0.25)

vectors = {"body/" + name: body for name, body in bodies.items()}
vectors["session_id"] = session
vectors["client_id"] = h(b"id", key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
for kind, (name, body) in enumerate(bodies.items(), start=1):
    from_device = name in ("check_in", "update", "decline")
    vectors["frame/" + name] = frame(kind, body, bytes(32) if name == "check_in" else session, key if from_device else None)
vectors["packed/24"] = packed([1, 2, 3, 0xABCDEF], 24)
vectors["packed/5"] = packed([1, 2, 3, 31, 16, 7], 5)
vectors["model_file"] = contents + h(b"model-file", contents)

authority = Ed25519PrivateKey.from_private_bytes(bytes(range(100, 132)))
identity = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
terms = [struct.pack("<Q", value) for value in (17, 1_700_000_000, 1_731_536_000)]
vectors["certificate"] = b"".join(terms) + authority.sign(h(b"certificate", "kort-københavn".encode(), identity, *terms))
vectors["certificate_line"] = b"fedspend-certificate-v1 %s %s" % (identity.hex().encode(), vectors["certificate"].hex().encode())
revoked = sorted([b"\xbb" * 32, b"\x05" * 32])
vectors["revocations"] = (b"fedspend-revocations-v1\nsequence 12\n" + b"".join(entry.hex().encode() + b"\n" for entry in revoked)
                          + b"signature " + authority.sign(h(b"revocations", struct.pack("<Q", 12), b"".join(revoked))).hex().encode() + b"\n")


def kdf(label, secret, *fields):
    state = hashlib.blake2b(digest_size=32, key=secret)
    for field in (b"fedspend/v1/" + label, *fields):
        state.update(struct.pack("<Q", len(field)) + field)
    return state.digest()


token = Ed25519PrivateKey.from_private_bytes(kdf(b"enrolment-token", b"\x77" * 32))
keys = identity, b"\x44" * 32, token.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
wanted = h(b"enrolment-request", "kort-københavn".encode(), *keys, b"branch 12")
vectors["enrolment_requests"] = ("fedspend-enrolment-requests-v1\npopulation kort-københavn\n"
                                 + " ".join(part.hex() for part in (*keys, key.sign(wanted), token.sign(wanted))) + " branch 12\n").encode()

for name, value in vectors.items():
    print(name, value.hex())
