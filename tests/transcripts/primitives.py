"""What second_implementation.py stands on, in pure Python from the sources that are named: ChaCha20, XChaCha20-Poly1305, Ed25519, X25519,
ristretto255. Not constant in time: never for real keys."""
import hashlib
import struct

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


class Refused(Exception):
    pass


def require(condition, why):
    if not condition:
        raise Refused(why)


def u32(value):
    return struct.pack("<I", value)


def u64(value):
    return struct.pack("<Q", value)


def number(data):
    return int.from_bytes(data, "little")


def scalar(value):
    return value.to_bytes(32, "little")


# --- RFC 8439 and draft-irtf-cfrg-xchacha


def chacha20_rounds(key, counter_and_nonce):
    x = list(struct.unpack("<16I", b"expand 32-byte k" + key + counter_and_nonce))
    columns = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15), (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]
    for a, b, c, d in columns * 10:
        for p, q, r, by in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[p] = (x[p] + x[q]) & 0xFFFFFFFF
            x[r] ^= x[p]
            x[r] = (x[r] << by | x[r] >> (32 - by)) & 0xFFFFFFFF
    return x


def chacha20_block(key, counter, nonce):
    start = struct.unpack("<16I", b"expand 32-byte k" + key + u32(counter) + nonce)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(chacha20_rounds(key, u32(counter) + nonce), start)))


def xchacha20poly1305(key, nonce, text, associated, opens):
    """The text en- or deciphered, and the tag."""
    rounds = struct.pack("<16I", *chacha20_rounds(key, nonce[:16]))
    sub, nonce = rounds[:16] + rounds[48:], bytes(4) + nonce[16:]
    stream = b"".join(chacha20_block(sub, 1 + i, nonce) for i in range((len(text) + 63) // 64))
    result = bytes(a ^ b for a, b in zip(text, stream))
    once = chacha20_block(sub, 0, nonce)
    padded = [part + bytes(-len(part) % 16) for part in (associated, text if opens else result)]
    data, total = b"".join(padded) + u64(len(associated)) + u64(len(text)), 0
    for i in range(0, len(data), 16):
        total = (total + number(data[i : i + 16] + b"\1")) * (number(once[:16]) & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF) % (2**130 - 5)
    return result, ((total + number(once[16:32])) % 2**128).to_bytes(16, "little")


class Stream:
    """Random numbers from a key: WIRE.md, "Hashes and signatures"."""

    def __init__(self, key):
        self.key, self.next, self.left = key, 0, b""

    def fill(self, count):
        while len(self.left) < count:
            self.left += chacha20_block(self.key, self.next % 2**32, u32(self.next >> 32) + bytes(8))
            self.next += 1
        taken, self.left = self.left[:count], self.left[count:]
        return taken

    def below(self, bound):
        while True:
            value = number(self.fill(8))
            if value >= 2**64 % bound:
                return value % bound


# --- RFC 8032, RFC 7748, RFC 9496


def add(p, q):
    a, b, c, d = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P, 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(factor, point):
    result = (0, 1, 1, 0)
    for bit in bin(factor)[2:]:
        result = add(result, result)
        if bit == "1":
            result = add(result, point)
    return result


def ed_decode(data):
    y, sign = number(data) % 2**255, data[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if (x * x - square) % P == 0 else x * SQRT_M1 % P
    require(y < P and (x * x - square) % P == 0, "not a point")
    x = x if x & 1 == sign else P - x
    return x, y, 1, x * y % P


def ed_encode(point):
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = ed_decode(scalar(4 * pow(5, -1, P) % P))


class SigningKey:
    def __init__(self, seed):
        digest = hashlib.sha512(seed).digest()
        self.secret, self.prefix = number(digest[:32]) & 2**254 - 8 | 2**254, digest[32:]
        self.public = ed_encode(times(self.secret, BASE))

    def sign(self, message):
        nonce = number(hashlib.sha512(self.prefix + message).digest()) % L
        point = ed_encode(times(nonce, BASE))
        return point + scalar((nonce + number(hashlib.sha512(point + self.public + message).digest()) * self.secret) % L)


VERIFIED = set()


def verify(public, message, signature):
    if (public, message, signature) in VERIFIED:
        return True
    require(number(signature[32:]) < L, "signature: not canonical")
    challenge = number(hashlib.sha512(signature[:32] + public + message).digest()) % L
    if ed_encode(add(times(number(signature[32:]), BASE), times(L - challenge, ed_decode(public)))) != signature[:32]:
        return False
    VERIFIED.add((public, message, signature))
    return True


def x25519(secret, u):
    factor, u = number(secret) & 2**254 - 8 | 2**254, number(u)
    x2, z2, x3, z3 = 1, 0, u, 1
    for bit in bin(factor)[2:]:
        if bit == "1":
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        x3, z3 = (d * a + c * b) ** 2 % P, u * (d * a - c * b) ** 2 % P
        x2, z2 = a * a * b * b % P, (a * a - b * b) * (a * a + 121665 * (a * a - b * b)) % P
        if bit == "1":
            x2, z2, x3, z3 = x3, z3, x2, z2
    return scalar(x2 * pow(z2, -1, P) % P)


def absolute(x):
    return P - x % P if x % P & 1 else x % P


def inverse_root(square):
    """RFC 9496, 4.2 with u = 1: is it a square, and 1 / its root (or that of its product with sqrt(-1))."""
    root = pow(square, 3, P) * pow(pow(square, 7, P), (P - 5) // 8, P) % P
    check = square * root * root % P
    if check in (P - 1, -SQRT_M1 % P):
        root = root * SQRT_M1 % P
    return check in (1, P - 1), absolute(root)


def ristretto_decode(data):
    s = number(data)
    require(s < P and s & 1 == 0, "ristretto255: not canonical")
    u1, u2 = 1 - s * s, 1 + s * s
    v = (-D * u1 * u1 - u2 * u2) % P
    was_square, root = inverse_root(v * u2 * u2 % P)
    x, y = absolute(2 * s * root * u2), u1 * root * root * u2 * v % P
    require(was_square and x * y % P & 1 == 0 and y != 0, "ristretto255: not a point")
    require(s != 0, "ristretto255: the identity")
    return x, y, 1, x * y % P


def ristretto_encode(point):
    x, y, z, t = point
    u1, u2 = (z + y) * (z - y) % P, x * y % P
    root = inverse_root(u1 * u2 * u2 % P)[1]
    d1, d2 = root * u1 % P, root * u2 % P
    z_inverse = d1 * d2 * t % P
    if t * z_inverse % P & 1:
        x, y, d = y * SQRT_M1 % P, x * SQRT_M1 % P, d1 * inverse_root((-1 - D) % P)[1] % P
    else:
        d = d2
    y = -y if x * z_inverse % P & 1 else y
    return scalar(absolute(d * (z - y)))
