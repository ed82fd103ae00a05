"""WIRE.md in Python, as far as secure aggregation needs it: hashes, Merkle trees, frames, fields of bodies."""
import hashlib
import struct

import primitives
from primitives import number, require, u32, u64, verify


# --- WIRE.md, "Hashes and signatures"


def framed(label, fields):
    return b"".join(u64(len(part)) + part for part in (b"fedspend/v1/" + label, *fields))


def H(label, *fields):
    return hashlib.blake2b(framed(label, fields), digest_size=32).digest()


def KDF(label, secret, *fields):
    return hashlib.blake2b(framed(label, fields), key=secret, digest_size=32).digest()


def leaf(contents):
    return hashlib.blake2b(b"\0" + contents, digest_size=32).digest()


def node(left, right):
    return hashlib.blake2b(b"\1" + left + right, digest_size=32).digest()


def merkle(leaves, places=()):
    """The root, and the proof for `places`, which rise."""
    row, known, proof = leaves, list(places), []
    while len(row) > 1:
        proof += [row[i ^ 1] for i in known if i ^ 1 not in known and i ^ 1 < len(row)]
        known = sorted({i // 2 for i in known})
        row = [node(*row[i : i + 2]) if i + 1 < len(row) else row[i] for i in range(0, len(row), 2)]
    return H(b"merkle", u64(len(leaves)), row[0]), proof


def check_proof(root, count, placed, proof):
    """`placed`: leaf hashes by place."""
    known, width, rest = dict(placed), count, list(proof)
    while width > 1:
        above = {}
        for i in sorted(known):
            if i // 2 in above:
                continue
            if i ^ 1 < width and i ^ 1 not in known:
                require(rest, "proof: too short")
                known[i ^ 1] = rest.pop(0)
            above[i // 2] = node(known[i & ~1], known[i | 1]) if i | 1 < width else known[i]
        known, width = above, (width + 1) // 2
    require(not rest, "proof: too long")
    require(H(b"merkle", u64(count), known[0]) == root, "proof: another root")


class SigningKey(primitives.SigningKey):
    def __init__(self, seed):
        super().__init__(seed)
        self.id = H(b"id", self.public)


# --- WIRE.md: bodies and control frames

NAMES = {7: "advertise_keys", 8: "roster_view", 9: "share_keys", 10: "deliver_shares", 11: "masked_input", 12: "survivors", 13: "sign_survivors",
         14: "quorum", 15: "unmask"}
LIMITS = {7: (96, 96), 8: (144, 848_560), 9: (4, 106_500), 10: (8, 119_004), 11: (37, 37), 12: (40, 13_084), 13: (32, 32), 14: (4, 4),
          15: (8, 32_904)}
FROM_DEVICE = {7, 9, 11, 13, 15}


class Reader:
    def __init__(self, data):
        self.data = data

    def bytes(self, count):
        require(count <= len(self.data), "too short")
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def u32(self):
        return number(self.bytes(4))

    def u64(self):
        return number(self.bytes(8))

    def counted(self, most):
        count = self.u32()
        require(count <= most, "above its limit")
        return self.bytes(count)

    def list(self, most, width):
        count = self.u32()
        require(count <= most and count * width <= len(self.data), "above its limit")
        return [self.bytes(width) for _ in range(count)]

    def end(self):
        require(not self.data, "bytes left over")


def counted(data):
    return u32(len(data)) + data


def entries(items):
    return u32(len(items)) + b"".join(items)


def bitmap(size, places):
    return sum(1 << place for place in places).to_bytes((size + 7) // 8, "little")


def places_of(size, data):
    require(len(data) == (size + 7) // 8 and number(data) >> size == 0, "bitmap")
    return [i for i in range(size) if number(data) >> i & 1]


def packed(values, bits):
    return sum(value << i * bits for i, value in enumerate(values)).to_bytes((len(values) * bits + 7) // 8, "little")


def unpacked(data, count, bits):
    require(len(data) == (count * bits + 7) // 8 and number(data) >> count * bits == 0, "packed vector")
    return [number(data) >> i * bits & 2**bits - 1 for i in range(count)]


def seal_frame(kind, session, body, key=None):
    signature = key.sign(H(b"msg", u32(kind), session, key.id, body)) if key else bytes(64)
    return struct.pack("<4sHH", b"FSP1", 1, kind) + (key.id if key else bytes(32)) + session + signature + counted(body)


def open_frame(data, identities):
    """(type, session, sender, signature, Reader of the body)"""
    frame = Reader(data)
    require(140 <= len(data) <= 1_049_740 and frame.bytes(6) == b"FSP1\1\0", "frame")
    kind = number(frame.bytes(2))
    sender, session, signature = frame.bytes(32), frame.bytes(32), frame.bytes(64)
    require(kind in LIMITS and LIMITS[kind][0] <= frame.u32() == len(frame.data) <= LIMITS[kind][1], "length of the body")
    require((sender != bytes(32)) == (signature != bytes(64)) == (kind in FROM_DEVICE), "sender")
    if kind in FROM_DEVICE:
        require(verify(identities[sender], H(b"msg", u32(kind), session, sender, frame.data), signature), "signature")
    return kind, session, sender, signature, frame


def check_certificate(authority, population, now, identity, certificate):
    fields = Reader(certificate)
    serial, issued, expires, signature = fields.bytes(8), fields.bytes(8), fields.bytes(8), fields.bytes(64)
    require(verify(authority, H(b"certificate", population, identity, serial, issued, expires), signature), "certificate: signature")
    require(number(issued) <= now + 86400 and now < number(expires) and number(issued) < number(expires), "certificate: time")
