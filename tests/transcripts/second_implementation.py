#!/usr/bin/env python3
"""Device and coordinator of secure aggregation a second time, written from PROTOCOL.md and WIRE.md alone, in nothing but Python's
standard library: it plays the sessions of this folder's golden transcripts from the same randomness and compares every line, and so
every byte of every body.

  python3 tests/transcripts/second_implementation.py [FOLDER]      exits with 1 at the first line that differs

Not in those pages, since it is the tests' own: where the randomness comes from (`Scaffold`; tests/common/secagg/secure_session.cpp), and
the order in which a device draws: r and b (64 bytes mod l each), the X25519 secret, the further coefficients of r, then of b, nonces.
Of a refusal only that there is one is compared, not its words.
"""
import fractions
import itertools
import math
import pathlib
import struct
import sys

from primitives import (BASE, L, P, Refused, Stream, chacha20_block, number, require, ristretto_decode, ristretto_encode, scalar, times,
                        u32, u64, verify, x25519, xchacha20poly1305)
from wire import (KDF, NAMES, H, Reader, SigningKey, bitmap, check_certificate, check_proof, counted, entries, leaf, merkle, open_frame,
                  packed, places_of, seal_frame, unpacked)

NOW, POPULATION = 1_750_000_000, b"session"


# --- PROTOCOL.md, "Secure aggregation"


def tail(population, marked, drawn, least):
    ways = sum(math.comb(marked, x) * math.comb(population - marked, drawn - x) for x in range(max(least, 0), min(marked, drawn) + 1))
    return fractions.Fraction(ways, math.comb(population, drawn))


class Parameters:
    """k, t and q for n clients."""

    def __init__(self, terms, n):
        require(terms.min_clients <= n <= terms.cohort, "number of clients")
        self.n, corrupt, lost = n, n * terms.corrupt_ppm // 10**6, n * terms.dropout_ppm // 10**6
        security, failure = fractions.Fraction(1, 2**terms.security_bits), fractions.Fraction(1, 2**terms.failure_bits)

        def secure(k, t):
            return n * tail(n, corrupt, k, 2 * t - k if terms.threat else t) <= security

        def survives(k, t):
            return n * tail(n, lost, k, k - t + 1) <= failure

        self.k = self.t = None
        for k in [] if n < 65 else range(2, min(n - 1, 1025), 2):
            t = next((t for t in range(2, k + 1) if secure(k, t)), None)
            if t and survives(k, t) and n * n * tail(n, corrupt + lost, k, k) <= 2 * security:
                self.k, self.t = k, t
                break
        if not self.k:
            self.k = n - 1
            self.t = next((t for t in range(2, n) if secure(n - 1, t)), n)
            require(self.k <= 1024 and self.t <= self.k and survives(self.k, self.t), "no graph holds")
        self.q = max(n * (10**6 + terms.corrupt_ppm) // (2 * 10**6) + 1, terms.min_clients)
        require(self.q * 10**6 <= (10**6 - terms.dropout_ppm) * n, "quorum")
        whole = (n, self.k, self.t, self.q, terms.min_clients, terms.corrupt_ppm, terms.dropout_ppm, terms.threat, terms.security_bits,
                 terms.failure_bits)
        self.hash = H(b"params", *map(u32, whole), u64(terms.length), u32(terms.bits), struct.pack("<d", terms.clip),
                      struct.pack("<d", terms.scale))


class Graph:
    def __init__(self, n, k, root, beacon):
        self.n, self.order, stream = n, list(range(n)), Stream(H(b"graph", root, beacon))
        for i in range(n - 1, 0, -1):
            j = stream.below(i + 1)
            self.order[i], self.order[j] = self.order[j], self.order[i]
        self.steps = list(range(1, n)) if k == n - 1 else [*range(1, k // 2 + 1), *range(-1, -k // 2 - 1, -1)]

    def around(self, position):
        """The neighbours, by their coordinates 1, 2, ..."""
        place = self.order.index(position)
        return [self.order[(place + step) % self.n] for step in self.steps]

    def coordinate(self, position, around):
        return self.around(around).index(position) + 1


def secure_session(terms, parameters, root, beacon):
    return H(b"secure-sid", terms.assignment, parameters.hash, root, beacon)


def share_key(dealer, holder, shared, sid):
    return KDF(b"share", shared, sid, dealer[0], holder[0], dealer[1], holder[1])


def mask(key, count, bits):
    words = []
    for word in range(0, count, 16):
        words += struct.unpack("<16I", chacha20_block(key, word % 2**14 // 16, u32(0) + u64(word >> 14)))
    return [word % 2**bits for word in words[:count]]


def pair_key(secret, own, peer, sid):
    low, high = sorted((own, peer))
    return KDF(b"pair", ristretto_encode(times(secret, ristretto_decode(peer[1]))), sid, low[0], high[0], low[1], high[1])


def polynomial(coefficients, x):
    return sum(c * pow(x, i, L) for i, c in enumerate(coefficients)) % L


class Device:
    def __init__(self, terms, key, authority, random, update):
        self.terms, self.key, self.authority, self.random, self.update = terms, key, authority, random, update
        self.r, self.b = (number(random.fill(64)) % L for _ in range(2))
        self.c = random.fill(32)
        self.C, self.R = x25519(self.c, scalar(9)), ristretto_encode(times(self.r, BASE))
        self.K = H(b"bcom", terms.task, u64(terms.round), key.id, scalar(self.b))

    def advertise(self):
        return seal_frame(7, self.terms.assignment, self.C + self.R + self.K, self.key), b""

    def answer(self, frame, bulk):
        kind, session, _, _, body = open_frame(frame, {})
        answer = {8: self.on_roster, 10: self.on_shares, 12: self.on_survivors, 14: self.on_quorum}[kind]
        require(kind == 8 or session == self.sid, "another session")
        kind, body, bulk = answer(session, body, bulk)
        return seal_frame(kind, self.sid, body, self.key), bulk

    def on_roster(self, session, body, bulk):
        n, root, beacon, beacon_signature, position = body.u32(), body.bytes(32), body.bytes(32), body.bytes(64), body.u32()
        shown, proof = body.list(1024, 284), body.list(17_425, 32)
        body.end()
        parameters = Parameters(self.terms, n)
        require(beacon_signature == bytes(64) and beacon == H(b"beacon", root), "beacon")
        require(session == secure_session(self.terms, parameters, root, beacon), "session id")
        graph = Graph(n, parameters.k, root, beacon)
        require(position < n and [number(entry[:4]) for entry in shown] == graph.around(position), "neighbours")
        leaves = {position: leaf(self.key.public + H(b"round-keys", self.C, self.R, self.K))}
        self.neighbours, places, keys = [], {self.key.id: position}, {self.C, self.R, self.K}
        for entry in map(Reader, shown):
            place, identity, certificate, C, R, K, signature = entry.u32(), *map(entry.bytes, (32, 88, 32, 32, 32, 64))
            leaves[place], places[H(b"id", identity)] = leaf(identity + H(b"round-keys", C, R, K)), place
            keys |= {C, R, K}
            check_certificate(self.authority, POPULATION, NOW, identity, certificate)
            advertised = H(b"msg", u32(7), self.terms.assignment, H(b"id", identity), C + R + K)
            require(verify(identity, advertised, signature), "a neighbour's signature")
            ristretto_decode(R)
            require(number(C) < P and x25519(self.c, C) != bytes(32), "X25519")
            self.neighbours.append((place, (H(b"id", identity), C), (H(b"id", identity), R), x25519(self.c, C)))
        require(len(places) == len(shown) + 1 and len(keys) == 3 * len(places), "twice")
        require([places[one] for one in sorted(places)] == sorted(places.values()), "not sorted")
        check_proof(root, n, leaves, proof)
        self.n, self.root, self.position, self.parameters, self.graph, self.sid = n, root, position, parameters, graph, session
        polynomials = [[secret] + [number(self.random.fill(64)) % L for _ in range(parameters.t - 1)] for secret in (self.r, self.b)]
        sealed = b""
        for x, (_, peer, _, shared) in enumerate(self.neighbours, start=1):
            nonce = self.random.fill(24)
            text = b"".join(scalar(polynomial(one, x)) for one in polynomials)
            key, associated = share_key((self.key.id, self.C), peer, shared, session), session + self.key.id + peer[0] + u32(x)
            cipher, tag = xchacha20poly1305(key, nonce, text, associated, False)
            sealed += nonce + cipher + tag
        return 9, counted(sealed), b""

    def on_shares(self, session, body, bulk):
        self.u2, sealed = places_of(self.n, body.counted(12_500)), body.counted(106_496)
        body.end()
        alive = [one for one in self.neighbours if one[0] in self.u2]
        require(self.position in self.u2 and len(self.u2) >= self.terms.min_clients, "too few share")
        require(len(alive) >= self.parameters.t, "too few neighbours share")
        require(len(sealed) == 104 * len(alive), "length of the shares")
        self.held, rest, masked = {}, Reader(sealed), self.update
        masked = [a + b for a, b in zip(masked, mask(KDF(b"self", scalar(self.b), session, self.key.id), len(masked), self.terms.bits))]
        for place, peer, (peer_id, R), shared in alive:
            nonce, cipher, tag = rest.bytes(24), rest.bytes(64), rest.bytes(16)
            associated = session + peer[0] + self.key.id + u32(self.graph.coordinate(self.position, place))
            text, expected = xchacha20poly1305(share_key(peer, (self.key.id, self.C), shared, session), nonce, cipher, associated, True)
            if tag == expected and number(text[:32]) < L and number(text[32:]) < L:
                self.held[place] = text[:32], text[32:]
            sign = 1 if self.key.id < peer_id else -1
            words = mask(pair_key(self.r, (self.key.id, self.R), (peer_id, R), session), len(masked), self.terms.bits)
            masked = [a + sign * b for a, b in zip(masked, words)]
        bulk = packed([value % 2**self.terms.bits for value in masked], self.terms.bits)
        self.input = H(b"update", bulk)
        return 11, self.input + u32(self.terms.length) + bytes([self.terms.bits]), bulk

    def on_survivors(self, session, body, bulk):
        u3, root, proof = places_of(self.n, body.counted(12_500)), body.bytes(32), body.list(17, 32)
        body.end()
        require(set(u3) <= set(self.u2) and self.position in u3, "survivors")
        require(len(u3) >= max(self.parameters.q, self.terms.min_clients), "too few survive")
        require(sum(one[0] in u3 for one in self.neighbours) >= self.parameters.t, "too few neighbours survive")
        check_proof(root, len(u3), {u3.index(self.position): leaf(self.input)}, proof)
        self.u3, self.choice = u3, H(b"survivors", session, bitmap(self.n, self.u2), bitmap(self.n, u3), root)
        return 13, self.choice, b""

    def on_quorum(self, session, body, bulk):
        count, bulk, leaves, before = body.u32(), Reader(bulk), {}, -1
        body.end()
        require(count == self.parameters.q, "signers")
        for _ in range(count):
            place, identity, keys, certificate, signature = bulk.u32(), *map(bulk.bytes, (32, 32, 88, 64))
            require(place > before and place in self.u3 and identity not in leaves.values(), "signers")
            check_certificate(self.authority, POPULATION, NOW, identity, certificate)
            require(verify(identity, H(b"msg", u32(13), session, H(b"id", identity), self.choice), signature), "a signer's signature")
            leaves[place], before = leaf(identity + keys), place
        require(len(bulk.data) % 32 == 0, "quorum: length")
        check_proof(self.root, self.n, leaves, [bulk.bytes(32) for _ in range(len(bulk.data) // 32)])
        opened = [i for i, one in enumerate(self.neighbours) if one[0] in self.held]
        shares = [self.held[self.neighbours[i][0]][self.neighbours[i][0] in self.u3] for i in opened]
        return 15, counted(bitmap(self.parameters.k, opened)) + counted(b"".join(shares)), b""


class Coordinator:
    def __init__(self, terms, identities, certificates):
        self.terms, self.identities, self.certificates, self.bodies = terms, identities, certificates, {}

    def take(self, frame, bulk):
        """Keeps what one device says in this phase."""
        kind, _, sender, signature, body = open_frame(frame, self.identities)
        self.bodies[sender] = body.data, bulk, signature

    def roster(self):
        """The messages of the next phase by device, and what the transcript says."""
        self.ids, self.keys = sorted(self.bodies), {one: self.bodies[one] for one in self.bodies}
        self.n, self.parameters = len(self.ids), Parameters(self.terms, len(self.ids))
        self.leaves = [leaf(self.identities[one] + self.keys_hash(one)) for one in self.ids]
        root = merkle(self.leaves)[0]
        beacon = H(b"beacon", root)
        self.graph, self.sid = Graph(self.n, self.parameters.k, root, beacon), secure_session(self.terms, self.parameters, root, beacon)
        messages = {}
        for place, one in enumerate(self.ids):
            shown = [(i, self.ids[i]) for i in self.graph.around(place)]
            neighbours = [u32(i) + self.identities[j] + self.certificates[j] + self.keys[j][0] + self.keys[j][2] for i, j in shown]
            proof = merkle(self.leaves, sorted([place] + [i for i, _ in shown]))[1]
            messages[one] = 8, u32(self.n) + root + beacon + bytes(64) + u32(place) + entries(neighbours) + entries(proof), b""
        sizes = self.parameters
        return messages, f"sharing: n {self.n}, k {sizes.k}, t {sizes.t}, q {sizes.q}, session {self.sid.hex()[:16]}"

    def keys_hash(self, one):
        return H(b"round-keys", *(self.keys[one][0][i : i + 32] for i in (0, 32, 64)))

    def shares(self):
        self.u2, messages = [i for i, one in enumerate(self.ids) if one in self.bodies], {}
        for place in self.u2:
            sealed = b""
            for i in self.graph.around(place):
                if i in self.u2:
                    at = 4 + 104 * (self.graph.coordinate(place, i) - 1)
                    sealed += self.bodies[self.ids[i]][0][at : at + 104]
            messages[self.ids[place]] = 10, counted(bitmap(self.n, self.u2)) + counted(sealed), b""
        return messages, "masking"

    def survivors(self):
        self.u3, bits = [i for i in self.u2 if self.ids[i] in self.bodies], self.terms.bits
        inputs = [self.bodies[self.ids[i]] for i in self.u3]
        require(all(H(b"update", bulk) == body[:32] for body, bulk, _ in inputs), "hash of an input")
        self.sum = [sum(column) % 2**bits for column in zip(*(unpacked(bulk, self.terms.length, bits) for _, bulk, _ in inputs))]
        leaves = [leaf(body[:32]) for body, _, _ in inputs]
        root = merkle(leaves)[0]
        proofs = [merkle(leaves, [rank])[1] for rank in range(len(leaves))]
        messages = {self.ids[i]: (12, counted(bitmap(self.n, self.u3)) + root + entries(proof), b"") for i, proof in zip(self.u3, proofs)}
        return messages, f"signing: {len(self.u3)} survivors"

    def quorum(self):
        signers = [i for i in self.u3 if self.ids[i] in self.bodies][: self.parameters.q]
        require(len(signers) == self.parameters.q, f"{len(signers)} clients have signed the survivor set, of at least {self.parameters.q}")
        of = lambda i, one: u32(i) + self.identities[one] + self.keys_hash(one) + self.certificates[one] + self.bodies[one][2]
        bulk = b"".join([of(i, self.ids[i]) for i in signers] + merkle(self.leaves, signers)[1])
        return {self.ids[i]: (14, u32(len(signers)), bulk) for i in self.u3}, "revealing"

    def secret(self, dealer, shares, wrong):
        """From (coordinate, share, holder): the least set of wrong ones that leaves a secret which fits what was advertised."""
        body, t = self.keys[self.ids[dealer]][0], self.parameters.t
        for errors in range((len(shares) - t) // 2 + 1):
            for left_out in itertools.combinations(shares, errors):
                points = [one for one in shares if one not in left_out]
                value = sum(y * math.prod(l * pow(l - x, -1, L) for l, _, _ in points if l != x) for x, y, _ in points) % L
                commitment = H(b"bcom", self.terms.task, u64(self.terms.round), self.ids[dealer], scalar(value))
                if commitment == body[64:] if dealer in self.u3 else ristretto_encode(times(value, BASE)) == body[32:64]:
                    wrong.update(holder for _, _, holder in left_out)
                    return value
        raise Refused("a secret that cannot be reconstructed")

    def unmask(self):
        """The sum, how many masks were taken off, and the positions of those who revealed wrong shares."""
        shares, wrong, off, bits = {dealer: [] for dealer in self.u2}, set(), [], self.terms.bits
        for holder in (i for i in self.u3 if self.ids[i] in self.bodies):
            body, around = Reader(self.bodies[self.ids[holder]][0]), self.graph.around(holder)
            opened, revealed = places_of(self.parameters.k, body.counted(128)), Reader(body.counted(32_768))
            for dealer in (around[i] for i in opened):
                shares[dealer].append((self.graph.coordinate(holder, dealer), number(revealed.bytes(32)), holder))
            revealed.end()
        for dealer in self.u2:
            value, one = self.secret(dealer, [share for share in shares[dealer] if share[1] < L], wrong), self.ids[dealer]
            if dealer in self.u3:
                off.append((-1, KDF(b"self", scalar(value), self.sid, one)))
                continue
            for peer in (self.ids[i] for i in self.graph.around(dealer) if i in self.u3):
                own, other = (one, self.keys[one][0][32:64]), (peer, self.keys[peer][0][32:64])
                off.append((1 if one < peer else -1, pair_key(value, own, other, self.sid)))
        masks = [(sign, mask(key, self.terms.length, bits)) for sign, key in off]
        total = [(value + sum(sign * words[i] for sign, words in masks)) % 2**bits for i, value in enumerate(self.sum)]
        return total, len(off), sorted(wrong)


# --- The sessions of the transcripts


class Scaffold:
    """What tests/common/secagg/secure_session.cpp draws from seed 1, round 3, attempt 1."""

    def __init__(self, clients, dropout_ppm):
        stream = lambda label, a, b: Stream(H(label, u64(1), u64(a), u64(b)))
        self.min_clients, self.corrupt_ppm, self.dropout_ppm = 3, 100_000, dropout_ppm
        self.threat, self.security_bits, self.failure_bits = 1, 40, 20
        self.cohort, self.length, self.bits, self.clip, self.scale, self.round = clients, 10, 16, 1.0, 64.0, 3
        self.task, self.assignment = stream(b"session-task", 0, 0).fill(16), stream(b"session-terms", 3, 1).fill(32)
        authority = SigningKey(stream(b"session-authority", 0, 0).fill(32))
        self.devices, self.identities, self.certificates = [], {}, {}
        for i in range(clients):
            key, drawn = SigningKey(stream(b"session-identity", i, 0).fill(32)), stream(b"session-update", i, 0)
            update = [drawn.below(2**16) for _ in range(10)]
            self.devices.append(Device(self, key, authority.public, stream(b"session-client", i, 1), update))
            times = u64(1), u64(NOW - 1_000_000), u64(NOW + 1_000)
            self.identities[key.id] = key.public
            self.certificates[key.id] = b"".join(times) + authority.sign(H(b"certificate", POPULATION, key.public, *times))
        self.devices.sort(key=lambda device: device.key.id)


def described(name, body, bulk):
    return f"{name}, {len(body + bulk)} bytes, {H(b'transcript', body + bulk).hex()[:16]}"


def play(terms, down=lambda client, kind, body: body, up=lambda client, kind, body: body):
    """The lines of the transcript. The hooks change a body on its way, or lose it (None)."""
    coordinator, lines = Coordinator(terms, terms.identities, terms.certificates), []

    def to_coordinator(answers):
        coordinator.bodies = {}
        for i, frame, bulk in answers:
            kind = number(frame[6:8])
            body = up(i, kind, frame[140:])
            if body is not None:
                key = terms.devices[i].key
                coordinator.take(frame if body == frame[140:] else seal_frame(kind, frame[40:72], body, key), bulk)
                lines.append(f"client {i} -> {described(NAMES[kind], body, bulk)}: accepted")

    to_coordinator([(i, *device.advertise()) for i, device in enumerate(terms.devices)])
    for phase in (coordinator.roster, coordinator.shares, coordinator.survivors, coordinator.quorum):
        try:
            messages, said = phase()
        except Refused as why:
            return lines + [f"== aborted: {why}"]
        lines.append("== " + said)
        answers = []
        for i, device in enumerate(terms.devices):
            if device.key.id not in messages:
                continue
            kind, body, bulk = messages[device.key.id]
            body = down(i, kind, body)
            lines.append(f"client {i} <- {described(NAMES[kind], body, bulk)}")
            try:
                answers.append((i, *device.answer(seal_frame(kind, coordinator.sid, body), bulk)))
            except Refused:
                lines.append(f"client {i} refuses")
        to_coordinator(answers)
    total, masks, wrong = coordinator.unmask()
    expected = [sum(column) % 2**terms.bits for column in zip(*(terms.devices[i].update for i in coordinator.u3))]
    said, found = "right" if total == expected else "WRONG", H(b"transcript", packed(total, terms.bits)).hex()[:16]
    lines += ["== closed", f"== sum of {len(coordinator.u3)}, {masks} masks taken off, {found}: {said}"]
    return lines + [f"   wrong shares: client {i}" for i in wrong]


def flipped(body, at):
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


SESSIONS = {
    "clean_round_of_five": lambda: play(Scaffold(5, 200_000)),
    "two_dropouts_of_seven": lambda: play(Scaffold(7, 290_000), up=lambda i, kind, body: None if (i, kind) in ((2, 11), (5, 15)) else body),
    "bad_share": lambda: play(
        Scaffold(9, 200_000),
        down=lambda i, kind, body: flipped(body, 4 + 2 + 4 + 2 * 104 + 40) if (i, kind) == (3, 10) else body,
        up=lambda i, kind, body: flipped(body, 4 + 1 + 4) if (i, kind) == (6, 15) else body,
    ),
    "abort_without_quorum": lambda: play(
        Scaffold(5, 200_000),
        down=lambda i, kind, body: body[:4] + b"\x1b" + body[5:] if kind == 12 and i in (0, 3, 4) else body,
    ),
}


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent
    for name, session in SESSIONS.items():
        expected = [line for line in (folder / f"{name}.txt").read_text().splitlines() if not line.startswith("#")]
        actual = session()
        for at, (theirs, ours) in enumerate(itertools.zip_longest(expected, actual, fillvalue="(nothing)")):
            if theirs != ours and not (ours.endswith(" refuses") and theirs.startswith(ours + " (")):
                sys.exit(f"{name}: message line {at + 1}: the transcript has\n  {theirs}\nand this implementation\n  {ours}")
        print(f"{name}: {len(actual)} lines alike")


if __name__ == "__main__":
    main()
