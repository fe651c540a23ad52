"""Protobuf's wire format and the envelope of stored values, written by field numbers alone: independent of Cube's codec.

msg((1, "text"), (2, 5), (3, msg(...)), ...) makes a message; a dict becomes map entries, a list repeated fields.
decode() gives {number: [values]}, where a value is an int or the bytes of a string or message.
"""

MAGIC = b"k8s\0"


def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, value):
    if isinstance(value, list):
        return b"".join(field(number, v) for v in value)
    if isinstance(value, dict):
        return b"".join(field(number, msg((1, k), (2, v))) for k, v in value.items())
    if isinstance(value, int):  # bool too
        return varint(number << 3) + varint(int(value))
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def msg(*fields):
    return b"".join(field(n, v) for n, v in fields if v is not None)


def envelope(api_version, kind, raw):
    return MAGIC + msg((1, msg((1, api_version), (2, kind))), (2, raw), (3, ""), (4, ""))


def read_varint(data, at):
    n = shift = 0
    while True:
        byte = data[at]
        at += 1
        n |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return n, at


def decode(data):
    out, at = {}, 0
    while at < len(data):
        tag, at = read_varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, at = read_varint(data, at)
        elif kind == 2:
            size, at = read_varint(data, at)
            value, at = data[at:at + size], at + size
            assert len(value) == size, "truncated"
        elif kind == 1:
            value, at = data[at:at + 8], at + 8
        else:
            raise AssertionError("wire type %d" % kind)
        out.setdefault(number, []).append(value)
    return out


def dig(message, *numbers):
    """The value at a path of field numbers, first of each; None when it is not there."""
    for n in numbers:
        found = decode(message).get(n)
        if not found:
            return None
        message = found[0]
    return message


def open_envelope(value):
    """(apiVersion, kind, message) of a stored value, which must have upstream's shape to the byte."""
    assert value.startswith(MAGIC), value[:40]
    unknown = decode(value[4:])
    assert sorted(unknown) == [1, 2, 3, 4] and unknown[3] == [b""] and unknown[4] == [b""], sorted(unknown)
    type_meta = decode(unknown[1][0])
    return type_meta[1][0].decode(), type_meta[2][0].decode(), unknown[2][0]
