"""Just enough of protobuf's wire format to read a FileDescriptorSet without any package."""


def fields(data):
    """Yields (number, value): int for varints and fixed, bytes for the rest."""
    pos = 0
    while pos < len(data):
        key, pos = varint(data, pos)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, pos = varint(data, pos)
        elif wire == 2:
            size, pos = varint(data, pos)
            value = data[pos:pos + size]
            pos += size
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            value = int.from_bytes(data[pos:pos + size], "little")
            pos += size
        else:
            raise ValueError("wire type %d" % wire)
        yield number, value


def varint(data, pos):
    value = shift = 0
    while True:
        byte = data[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, pos


def packed(data):
    values, pos = [], 0
    while pos < len(data):
        value, pos = varint(data, pos)
        values.append(value)
    return values


def message(data, names):
    """Reads a message into a dict. names: number -> (name, reader); a name ending in * collects a list."""
    result = {name.rstrip("*"): [] for name, _ in names.values() if name.endswith("*")}
    for number, value in fields(data):
        if number not in names:
            continue
        name, reader = names[number]
        value = reader(value)
        if name.endswith("*"):
            result[name[:-1]].append(value)
        else:
            result[name] = value
    return result


def text(value):
    return value.decode("utf-8")


def number(value):
    return value - (1 << 64) if value >= 1 << 63 else value


def reader(names):
    return lambda data: message(data, names)


# proto/cube/options.proto
API = {1: ("group", text), 2: ("version", text)}
ENUM = {1: ("name", text), 2: ("values*", text)}
MESSAGE = {1: ("kind", bool), 2: ("special", number), 3: ("atomic", bool)}
FIELD = {
    1: ("inline", bool), 2: ("ptr", bool), 3: ("always", bool), 4: ("required", bool), 5: ("omitempty", bool),
    6: ("merge", text), 7: ("retain_keys", bool), 8: ("replace", bool), 9: ("list", number), 10: ("keys*", text),
    11: ("atomic", bool), 12: ("no_json", bool), 13: ("default", text), 14: ("enum", text), 15: ("format", text),
    16: ("min", number), 17: ("max", number), 18: ("immutable", bool), 19: ("typed", bool),
}

# google/protobuf/descriptor.proto; the options keep only what we read
PBC_FILE = {6: ("package", text)}
FILE_OPTIONS = {1019: ("c", reader(PBC_FILE)), 51001: ("api", reader(API)), 51002: ("enums*", reader(ENUM))}
MESSAGE_OPTIONS = {7: ("map_entry", bool), 51003: ("m", reader(MESSAGE))}
FIELD_OPTIONS = {3: ("deprecated", bool), 51004: ("f", reader(FIELD))}
FIELD_DESCRIPTOR = {
    1: ("name", text), 3: ("number", number), 4: ("label", number), 5: ("type", number), 6: ("type_name", text),
    8: ("options", reader(FIELD_OPTIONS)), 10: ("json", text),
}
DESCRIPTOR = {1: ("name", text), 2: ("fields*", reader(FIELD_DESCRIPTOR)), 7: ("options", reader(MESSAGE_OPTIONS))}
DESCRIPTOR[3] = ("nested*", reader(DESCRIPTOR))
LOCATION = {1: ("path", packed), 3: ("comment", text)}
SOURCE_INFO = {1: ("locations*", reader(LOCATION))}
FILE = {
    1: ("name", text), 2: ("package", text), 4: ("messages*", reader(DESCRIPTOR)), 8: ("options", reader(FILE_OPTIONS)),
    9: ("source", reader(SOURCE_INFO)),
}


def file_set(data):
    return message(data, {1: ("files*", reader(FILE))})["files"]
