#!/usr/bin/env python3
"""Writes the project's own vectors of secure aggregation beside this file: a second implementation, in nothing but Python's
standard library, of what common/crypto and common/secagg define. The tests only read the files; run this after a change of the
definition and read what it changed.

  python3 tests/vectors/secagg_vectors.py
"""
import fractions
import hashlib
import math
import pathlib
import struct

FOLDER = pathlib.Path(__file__).parent
L = 2**252 + 27742317777372353535851937790883648493


def framed(label, fields):
    items = [b"fedspend/v1/" + label.encode()] + fields
    return b"".join(struct.pack("<Q", len(i)) + i for i in items)


def H(label, *fields):
    return hashlib.blake2b(framed(label, list(fields)), digest_size=32).digest()


def KDF(label, secret, *fields):
    return hashlib.blake2b(framed(label, list(fields)), key=secret, digest_size=32).digest()


def u32(value):
    return struct.pack("<I", value)


def u64(value):
    return struct.pack("<Q", value)


def chacha20_block(key, counter, nonce):
    """RFC 8439, section 2.3."""
    start = list(struct.unpack("<16I", b"expand 32-byte k" + key + u32(counter) + nonce))
    x = start[:]

    def rotate(value, by):
        return (value << by | value >> (32 - by)) & 0xFFFFFFFF

    def quarter(a, b, c, d):
        x[a] = (x[a] + x[b]) & 0xFFFFFFFF
        x[d] = rotate(x[d] ^ x[a], 16)
        x[c] = (x[c] + x[d]) & 0xFFFFFFFF
        x[b] = rotate(x[b] ^ x[c], 12)
        x[a] = (x[a] + x[b]) & 0xFFFFFFFF
        x[d] = rotate(x[d] ^ x[a], 8)
        x[c] = (x[c] + x[d]) & 0xFFFFFFFF
        x[b] = rotate(x[b] ^ x[c], 7)

    for _ in range(10):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(x, start)))


assert chacha20_block(bytes(range(32)), 1, bytes.fromhex("000000090000004a00000000")).hex().startswith("10f1e7e4d13b5915500fdd1fa32071c4")


def mask_word(key, tensor, index):
    chunk, within = divmod(index, 1 << 14)
    block = chacha20_block(key, within // 16, u32(tensor) + u64(chunk))
    return struct.unpack_from("<I", block, within % 16 * 4)[0]


def mask_words(key, tensor, first, count):
    """`first` is a multiple of 16."""
    words = []
    while len(words) < count:
        chunk, within = divmod(first + len(words), 1 << 14)
        words += struct.unpack("<16I", chacha20_block(key, within // 16, u32(tensor) + u64(chunk)))
    return words[:count]


class Stream:
    """SeededRandom of common/crypto/random.h."""

    def __init__(self, key):
        self.key, self.used, self.next, self.block = key, 64, 0, b""

    def u64(self):
        if self.used == 64:
            self.block = chacha20_block(self.key, self.next & 0xFFFFFFFF, u32(self.next >> 32) + bytes(8))
            self.next, self.used = self.next + 1, 0
        self.used += 8
        return struct.unpack("<Q", self.block[self.used - 8 : self.used])[0]

    def below(self, bound):
        while True:
            value = self.u64()
            if value >= 2**64 % bound:
                return value % bound


def graph_order(n, root, beacon):
    order, stream = list(range(n)), Stream(H("graph", root, beacon))
    for i in range(n - 1, 0, -1):
        j = stream.below(i + 1)
        order[i], order[j] = order[j], order[i]
    return order


def neighbours(order, degree, position):
    """(position, coordinate) by rising coordinate."""
    n, place = len(order), order.index(position)
    if degree == n - 1:
        steps = list(range(1, n))
    else:
        steps = list(range(1, degree // 2 + 1)) + [-s for s in range(1, degree // 2 + 1)]
    return [(order[(place + step) % n], x + 1) for x, step in enumerate(steps)]


def leaf_hash(contents):
    return hashlib.blake2b(b"\0" + contents, digest_size=32).digest()


def node_hash(left, right):
    return hashlib.blake2b(b"\1" + left + right, digest_size=32).digest()


def levels(leaves):
    rows = [leaves]
    while len(rows[-1]) > 1:
        row = rows[-1]
        rows.append([node_hash(*row[i : i + 2]) if i + 1 < len(row) else row[i] for i in range(0, len(row), 2)])
    return rows


def merkle_root(leaves):
    return H("merkle", u64(len(leaves)), levels(leaves)[-1][0])


def proof(leaves, indices):
    """The hashes that the known ones do not give, level by level, left to right."""
    hashes, known = [], sorted(indices)
    for row in levels(leaves)[:-1]:
        for i in known:
            if (i ^ 1) < len(row) and (i ^ 1) not in known:
                hashes.append(row[i ^ 1])
        known = sorted({i // 2 for i in known})
    return hashes


def polynomial(coefficients, x):
    return sum(c * pow(x, i, L) for i, c in enumerate(coefficients)) % L


def scalar(value):
    return value.to_bytes(32, "little")


def some_bytes(name, count=32):
    return hashlib.shake_256(name.encode()).digest(count)


def write(file, comment, records):
    lines = [f"# {line}" for line in comment.strip().split("\n")]
    lines.append("# Written by secagg_vectors.py, apart from this project's C++.")
    for record in records:
        lines.append("")
        lines += [f"{name}: {value.hex() if isinstance(value, bytes) else value}".rstrip() for name, value in record]
    (FOLDER / file).write_text("\n".join(lines) + "\n")


def kdf_vectors():
    cases = [
        ("empty", bytes(32), []),
        ("pair", bytes(range(32)), [b"", b"abc"]),
        ("self", bytes([255] * 32), [some_bytes("sid"), some_bytes("client")]),
        ("split", bytes(range(32)), [b"ab", b"c"]),
        ("split", bytes(range(32)), [b"a", b"bc"]),
        ("integers", bytes(range(32)), [u32(0x01020304), u64(0x0102030405060708)]),
    ]
    records = [[("label", label), ("secret", secret)] + [("field", f) for f in fields] + [("key", KDF(label, secret, *fields))] for label, secret, fields in cases]
    write("kdf_blake2b.txt", "KDF(label, secret, fields) of common/crypto/kdf.h: BLAKE2b-256 keyed with the secret (RFC 7693, section 2.9) over the framing of\nhash_framing.txt.", records)


def mask_stream_vectors():
    rfc = ("0 1 2 ... 31", bytes(range(32)), 0x09000000, 0x4A000000 * 2**14 + 16, 16)
    cases = [
        ("RFC 8439, section 2.3.2: nonce 000000090000004a00000000 is tensor 0x09000000 and chunk 0x4a000000, counter 1 is word 16", *rfc[1:]),
        ("the first block", some_bytes("mask key"), 0, 0, 16),
        ("the last block of a chunk and the first of the next", some_bytes("mask key"), 0, 2**14 - 16, 32),
        ("another tensor", some_bytes("mask key"), 1, 0, 16),
        ("not a whole number of blocks", some_bytes("another key"), 7, 48, 19),
        ("a chunk number above 2^32", some_bytes("mask key"), 0, 2**47 + 32, 16),
    ]
    records = [[("name", name), ("key", key), ("tensor", tensor), ("first", first), ("words", struct.pack(f"<{count}I", *mask_words(key, tensor, first, count)))] for name, key, tensor, first, count in cases]
    assert records[0][-1][1].hex().startswith("10f1e7e4d13b5915500fdd1fa32071c4")
    write("mask_stream.txt", "The mask generator of common/crypto/mask_stream.h: `words` are 32-bit little-endian words of a tensor's stream from `first` on.", records)


def masked_vectors():
    records = []
    for bits in (2, 5, 16, 24, 31, 32):
        keys = [(some_bytes("add 1"), 1), (some_bytes("subtract"), -1), (some_bytes("add 2"), 1)]
        count, first = 40, 2**14 - 16
        values = [mask_word(some_bytes("values"), 0, i) % 2**bits for i in range(count)]
        masked = values[:]
        for key, sign in keys:
            masked = [(v + sign * w) % 2**bits for v, w in zip(masked, mask_words(key, 0, first, count))]
        record = [("bits", bits), ("first", first)]
        for key, sign in keys:
            record.append(("add" if sign > 0 else "subtract", key))
        record += [("values", struct.pack(f"<{count}I", *values)), ("masked", struct.pack(f"<{count}I", *masked))]
        records.append(record)
    write("masks.txt", "common/secagg/masks.h: words of a vector from `first` on, before and after the masks, mod 2^bits; 32-bit little-endian words.", records)


def graph_vectors():
    records = []
    for n, degree in ((2, 1), (5, 4), (9, 4), (64, 63), (100, 16), (1000, 96)):
        root, beacon = some_bytes(f"root {n}"), some_bytes(f"beacon {n}")
        order = graph_order(n, root, beacon)
        record = [("clients", n), ("degree", degree), ("root", root), ("beacon", beacon)]
        record.append(("order", b"".join(map(u32, order)) if n <= 100 else H("order", *map(u32, order))))
        for position in (0, n // 2, n - 1) if n > 2 else (0, 1):
            record.append(("neighbours", str(position) + " " + " ".join(f"{p}@{x}" for p, x in neighbours(order, degree, position))))
        records.append(record)
    write("graph.txt", "common/secagg/graph.h. `order`: the roster position at each place, as 32-bit little-endian integers (above 100 clients: H('order', each)).\n`neighbours`: a roster position, then its neighbours as position@coordinate in order of coordinate.", records)


def merkle_vectors():
    records = []
    for n in (1, 2, 3, 4, 5, 7, 8, 13, 100):
        contents = [b"leaf %d" % i for i in range(n)]
        leaves = [leaf_hash(c) for c in contents]
        wanted = sorted({0, n // 3, n // 2, n - 1})
        record = [("leaves", n), ("root", merkle_root(leaves))]
        for index in sorted({0, n - 1}):
            record.append(("proof", f"{index} " + b"".join(proof(leaves, [index])).hex()))
        record.append(("indices", " ".join(map(str, wanted))))
        record.append(("multiproof", b"".join(proof(leaves, wanted))))
        records.append(record)
    write("merkle.txt", "common/secagg/merkle_tree.h: leaf i holds the text `leaf i`.", records)


def shamir_vectors():
    records = []
    for t, k in ((1, 2), (2, 3), (6, 12), (11, 16), (67, 96)):
        coefficients = [int.from_bytes(some_bytes(f"coefficient {t} {i}", 64), "little") % L for i in range(t)]
        record = [("threshold", t), ("coefficients", b"".join(map(scalar, coefficients)))]
        record += [("share", f"{x} " + scalar(polynomial(coefficients, x)).hex()) for x in sorted({1, 2, k // 2 + 1, k})]
        records.append(record)
    edge = [L - 1] * 40
    records.append([("threshold", 40), ("coefficients", b"".join(map(scalar, edge)))] + [("share", f"{x} " + scalar(polynomial(edge, x)).hex()) for x in (1, 127, 128, 1023, 9999)])
    write("shamir.txt", "common/secagg/shamir.h: the polynomial's coefficients, constant term (the secret) first, and shares as `coordinate share`.", records)


def hypergeometric_at_least(population, marked, drawn, least):
    ways = sum(math.comb(marked, x) * math.comb(population - marked, drawn - x) for x in range(least, min(marked, drawn) + 1))
    return fractions.Fraction(ways, math.comb(population, drawn))


def hypergeometric_vectors():
    cases = [(1, 1, 1, 1), (10, 3, 4, 0), (10, 3, 4, 1), (10, 3, 4, 3), (10, 3, 4, 4), (10, 9, 5, 4), (10, 9, 5, 5), (100, 33, 28, 23), (1000, 100, 96, 38)]
    cases += [(1000, 100, 96, 1), (1000, 50, 398, 48), (1000, 330, 398, 176), (10000, 3300, 746, 327), (10000, 1000, 122, 48), (10000, 500, 34, 20), (10000, 2000, 280, 102)]
    cases += [(10000, 5000, 10000, 5000), (100000, 10000, 150, 60), (100000, 50000, 2000, 1000), (200, 20, 96, 96), (200, 196, 150, 148)]
    records = []
    for case in cases:
        exact = hypergeometric_at_least(*case)
        record = list(zip(("population", "marked", "drawn", "least"), case))
        if exact == 0:
            record += [("mantissa", 0), ("exponent", 0)]
        else:
            exponent = exact.numerator.bit_length() - exact.denominator.bit_length() - 62
            while exact / fractions.Fraction(2) ** exponent >= 2**63:
                exponent += 1
            while exact / fractions.Fraction(2) ** exponent < 2**62:
                exponent -= 1
            record += [("mantissa", math.floor(exact / fractions.Fraction(2) ** exponent)), ("exponent", exponent)]
        records.append(record)
    write("hypergeometric.txt", "P[X >= least], X the marked among `drawn` of the population, by exact fractions: mantissa * 2^exponent, the mantissa in\n[2^62, 2^63) and rounded down.", records)


def key_schedule_vectors():
    """Diffie-Hellman values from the RFCs, so that no curve is needed here: 3 B, 5 B and 15 B of RFC 9496, appendix A.1, and Alice's
    and Bob's keys and secret of RFC 7748, section 6.1."""
    low, high, sid = bytes([1] * 32), bytes([2] * 32), some_bytes("sid")
    three = bytes.fromhex("94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259")
    five = bytes.fromhex("e882b131016b52c1d3337080187cf768423efccbb517bb495ab812c4160ff44e")
    fifteen = bytes.fromhex("e0c418f7c8d9c4cdd7395b93ea124f3ad99021bb681dfc3302a9d99a2e53e64e")
    alice = bytes.fromhex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
    bob = bytes.fromhex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
    shared = bytes.fromhex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
    task, b = bytes(range(16)), scalar(7)
    records = [
        [("name", "pair: ids 01... with r = 3 and 02... with r = 5"), ("session", sid), ("key", KDF("pair", fifteen, sid, low, high, three, five))],
        [("name", "pair: ids 01... with r = 5 and 02... with r = 3"), ("session", sid), ("key", KDF("pair", fifteen, sid, low, high, five, three))],
        [("name", "self: id 01..., b = 7"), ("session", sid), ("key", KDF("self", b, sid, low))],
        [("name", "commitment: id 01..., b = 7, round 9"), ("task", task), ("hash", H("bcom", task, u64(9), low, b))],
        [("name", "share: Alice, id 01..., to Bob, id 02..., x = 3"), ("session", sid), ("key", KDF("share", shared, sid, low, high, alice, bob)), ("associated", sid + low + high + u32(3))],
        [("name", "share: Bob, id 02..., to Alice, id 01..., x = 96"), ("session", sid), ("key", KDF("share", shared, sid, high, low, bob, alice)), ("associated", sid + high + low + u32(96))],
    ]
    write("key_schedule.txt", "common/secagg/key_schedule.h.", records)


kdf_vectors()
key_schedule_vectors()
hypergeometric_vectors()
mask_stream_vectors()
masked_vectors()
graph_vectors()
merkle_vectors()
shamir_vectors()
