#!/usr/bin/env python3
"""The bytes of WIRE.md a second time, written from that page alone: prints vectors.txt, one "name hex" a line.

Needs the package `cryptography` for Ed25519. Run: python3 wire_vectors.py > vectors.txt
"""
import hashlib
import math
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


def entries(items):
    return struct.pack("<I", len(items)) + b"".join(items)


def pattern(first, count):
    """Bytes that differ from their neighbours, so that a field in another's place is seen."""
    return bytes((first + i) % 256 for i in range(count))


def bitmap(size, places):
    return sum(1 << place for place in places).to_bytes((size + 7) // 8, "little")


def leaf(contents):
    return hashlib.blake2b(b"\x00" + contents, digest_size=32).digest()


def node(left, right):
    return hashlib.blake2b(b"\x01" + left + right, digest_size=32).digest()


def merkle(leaves, places):
    """The root over the leaves, and the proof for some places."""
    row, known, proof = leaves, list(places), []
    while len(row) > 1:
        proof += [row[i ^ 1] for i in known if i ^ 1 not in known and i ^ 1 < len(row)]
        known = sorted({i // 2 for i in known})
        row = [node(*row[i:i + 2]) if i + 1 < len(row) else row[i] for i in range(0, len(row), 2)]
    return h(b"merkle", struct.pack("<Q", len(leaves)), row[0]), proof


def public(private):
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def frame(kind, body, session, key=None):
    sender, signature = bytes(32), bytes(64)
    if key is not None:
        sender = h(b"id", public(key))
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
    "assignment": struct.pack("<H16sQ16sIId", 1, task, 7, attempt, 130, 60000, 0.75) + plan_hash + model_hash + counted(plan)
                  + key.sign(h(b"plan-signature", plan)),
    "come_back": struct.pack("<BIHH", 3, 300000, 1, 1),
    "update": h(b"update", packed([1, 2, 3, 0xABCDEF], 24)) + struct.pack("<IB", 4, 24),
    "update_reply": struct.pack("<BI", 1, 60000),
    "decline": struct.pack("<B", 2),
    "advertise_keys": pattern(1, 96),
    "roster_view": struct.pack("<I", 12) + pattern(2, 32) + pattern(3, 32) + pattern(14, 64) + struct.pack("<I", 7)
                   + entries([struct.pack("<I", place) + pattern(place, 32) + pattern(40 + place, 88) + pattern(80 + place, 96) + pattern(120 + place, 64)
                              for place in (9, 0)])
                   + entries([pattern(first, 32) for first in (4, 5, 6)]),
    "share_keys": counted(pattern(7, 2 * 104)),
    "deliver_shares": counted(bitmap(12, [0, 1, 7, 8, 11])) + counted(pattern(8, 104)),
    "masked_input": h(b"update", packed([1, 2, 3, 31, 16, 7], 5)) + struct.pack("<IB", 6, 5),
    "survivors": counted(bitmap(12, [0, 7, 8, 11])) + pattern(9, 32) + entries([pattern(first, 32) for first in (10, 11)]),
    "sign_survivors": pattern(12, 32),
    "quorum": struct.pack("<I", 9),
    "unmask": counted(bitmap(10, [0, 2, 9])) + counted(pattern(13, 96)),
}
from_device = {1, 4, 6, 7, 9, 11, 13, 15}
contents = b"FSMODEL1" + struct.pack("<BB", 1, 13) + b"next_category" + plan_hash + struct.pack("<QI", 7, 3) + struct.pack("<3f", 1, -0.5, 0.25)

vectors = {"body/" + name: body for name, body in bodies.items()}
vectors["session_id"] = session
vectors["client_id"] = h(b"id", public(key))
for kind, (name, body) in enumerate(bodies.items(), start=1):
    vectors["frame/" + name] = frame(kind, body, bytes(32) if name == "check_in" else session, key if kind in from_device else None)
vectors["packed/24"] = packed([1, 2, 3, 0xABCDEF], 24)
vectors["packed/5"] = packed([1, 2, 3, 31, 16, 7], 5)
vectors["model_file"] = contents + h(b"model-file", contents)

authority = Ed25519PrivateKey.from_private_bytes(bytes(range(100, 132)))
identity = public(key)
terms = [struct.pack("<Q", value) for value in (17, 1_700_000_000, 1_731_536_000)]
vectors["certificate"] = b"".join(terms) + authority.sign(h(b"certificate", "kort-københavn".encode(), identity, *terms))
vectors["certificate_line"] = b"fedspend-certificate-v1 %s %s" % (identity.hex().encode(), vectors["certificate"].hex().encode())
revoked = sorted([b"\xbb" * 32, b"\x05" * 32])
vectors["revocations"] = (b"fedspend-revocations-v1\nsequence 12\n" + b"".join(entry.hex().encode() + b"\n" for entry in revoked)
                          + b"signature " + authority.sign(h(b"revocations", struct.pack("<Q", 12), b"".join(revoked))).hex().encode() + b"\n")

# A secure session of five clients: its hashes, and a quorum of three of them.
params = h(b"params", *(struct.pack("<I", value) for value in (5, 4, 3, 2, 1, 250_000, 100_001, 1, 40, 20)), struct.pack("<Q", 6656), struct.pack("<I", 24),
           struct.pack("<d", 1.5), struct.pack("<d", 1118480.6))


# The params hash of a round of 40 whose clip norm adapts: PROTOCOL.md, "Distributed noise", in binary64, with the roundings upwards of
# common/privacy/distributed_gaussian.h and adaptive_clipping.h.
def fraction_at_least(value):
    shift = min(max(32 - math.frexp(value)[1], 0), 62)
    return struct.pack("<Q", math.ceil(math.ldexp(value, shift))), struct.pack("<Q", 1 << shift)


n, n_h, b, c, z, k, d = 40, 20, 24, 0.75, 0.5, 4.0, 8192
above, stddev = 1 + 2.0 ** -48, n / 10  # 2 sigma_b
z_delta = z * stddev / math.sqrt((stddev - z) * (stddev + z)) * above
noise = (c * c) * (z_delta * z_delta) / n_h
s = min(1e6, math.sqrt(4.0 ** b - n * (k * k)) / (2 * k * math.sqrt((c * c) * (n * n) / d + n * noise)))
total = s * c * z_delta
bound = int(min((s * c + math.sqrt(d)) ** 2, (s * c) * (s * c) + d / 4 + 1.0 * (s * c + math.sqrt(d) / 2)) * (1 + 2.0 ** -40))
w = next(2 ** i for i in range(32) if (stddev * 2 ** i) ** 2 / n_h >= 4)
adaptive = h(b"params", *(struct.pack("<I", value) for value in (n, 39, 20, 30, 25, 250_000, 100_001, 1, 40, 20)), struct.pack("<Q", d + 1), struct.pack("<I", b),
             struct.pack("<d", c), struct.pack("<d", 0), struct.pack("<d", z), struct.pack("<d", k), struct.pack("<I", n_h), struct.pack("<d", s),
             *fraction_at_least(total * total / n_h * above), struct.pack("<Q", bound), b"\x01", struct.pack("<I", w), *fraction_at_least((stddev * w) ** 2 / n_h * above))
devices = sorted((Ed25519PrivateKey.from_private_bytes(bytes(range(first, first + 32))) for first in range(5)), key=lambda one: h(b"id", public(one)))
keys_hashes = [h(b"round-keys", pattern(16 * i, 32), pattern(16 * i + 1, 32), pattern(16 * i + 2, 32)) for i in range(5)]
leaves = [leaf(public(device) + keys_hash) for device, keys_hash in zip(devices, keys_hashes)]
signers = [1, 2, 4]
roster_root, proof = merkle(leaves, signers)
beacon = h(b"beacon", roster_root)
beacon_key = Ed25519PrivateKey.from_private_bytes(bytes(range(150, 182)))
beacon_signature = beacon_key.sign(h(b"beacon-input", session, roster_root))
sid = h(b"secure-sid", session, params, roster_root, beacon)
inputs_root, _ = merkle([leaf(pattern(32 * i, 32)) for i in (1, 2, 3, 4)], [0])
choice = h(b"survivors", sid, bitmap(5, [0, 1, 2, 3, 4]), bitmap(5, [1, 2, 3, 4]), inputs_root)
records = b""
for place in signers:
    device = devices[place]
    times = [struct.pack("<Q", value) for value in (place + 1, 1_700_000_000, 1_731_536_000)]
    certificate = b"".join(times) + authority.sign(h(b"certificate", b"cards", public(device), *times))
    signature = device.sign(h(b"msg", struct.pack("<I", 13), sid, h(b"id", public(device)), choice))
    records += struct.pack("<I", place) + public(device) + keys_hashes[place] + certificate + signature
vectors |= {"commitment": h(b"bcom", task, struct.pack("<Q", 7), vectors["client_id"], b"\x05" + bytes(31)), "keys_hash": keys_hashes[1], "roster_leaf": leaves[1],
            "roster_root": roster_root, "beacon": beacon, "beacon_signature": beacon_signature,
            "external_beacon": h(b"external-beacon", beacon_signature), "params_hash": params, "adaptive_params_hash": adaptive, "secure_session_id": sid, "inputs_root": inputs_root, "choice": choice,
            "quorum_bulk": records + b"".join(proof)}

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
