"""Between the API server and etcd: passes bytes on, or does to etcd's answers what a bad network or a bad etcd would.

Runs as a process of its own; the test switches the fault. Requests are always passed on unharmed.
"""

import asyncio
import multiprocessing
import random

PASS, DELAY, CUT, GARBAGE, HANG = range(5)
FAULT_NAMES = ("pass", "delay", "cut", "garbage", "hang")
DELAY_S = 0.3
CHUNK = 65536


class Faults:
    """What is done to the answers now, and how often it was done; shared with the relay's process."""

    def __init__(self):
        self.mode = multiprocessing.Value("i", PASS)
        self.done = multiprocessing.Value("i", 0)
        self.epoch = multiprocessing.Value("i", 0)  # connections older than the last HANG stay silent for ever

    def set(self, mode):
        if mode == HANG:
            self.epoch.value += 1
        else:
            self.mode.value = mode


def spoil(data, rng):
    """Bytes of the same length that are no JSON, or JSON that lacks what an answer must have."""
    return rng.choice([
        lambda: data.replace(b'"', b"'"),
        lambda: data.replace(b'"revision"', b'"revisiom"'),
        lambda: data.replace(b'"mod_revision"', b'"mod_revisiom"').replace(b'"header"', b'"haeder"'),
        lambda: data.replace(b'{"', b'[["'),
    ])()


def body_of(data):
    """Where the body begins when the chunk begins with a head, else 0."""
    end = data.find(b"\r\n\r\n")
    return end + 4 if data.startswith(b"HTTP/") and end >= 0 else 0


async def pass_requests(reader, writer):
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()


async def pass_answers(reader, writer, faults, rng):
    born = faults.epoch.value
    while data := await reader.read(CHUNK):
        mode = faults.mode.value
        if faults.epoch.value != born:
            faults.done.value += 1
            await asyncio.sleep(3600)
        if mode != PASS:
            faults.done.value += 1
        if mode == DELAY:
            await asyncio.sleep(DELAY_S)
        elif mode == CUT and rng.random() < 0.3:
            writer.write(data[: len(data) // 2])
            await writer.drain()
            return
        elif mode == GARBAGE and rng.random() < 0.3:
            at = body_of(data)
            data = data[:at] + spoil(data[at:], rng)[: len(data) - at]
        writer.write(data)
        await writer.drain()


async def serve(listen, target, faults):
    rng = random.Random(1)

    async def on_client(reader, writer):
        tasks = []
        try:
            up_reader, up_writer = await asyncio.open_unix_connection(target, limit=CHUNK)
            tasks = [asyncio.ensure_future(pass_requests(reader, up_writer)),
                     asyncio.ensure_future(pass_answers(up_reader, writer, faults, rng))]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            up_writer.transport.abort()
        except OSError:
            pass  # etcd is down: the client sees its connection end
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            writer.close()

    server = await asyncio.start_unix_server(on_client, listen, limit=CHUNK)
    async with server:
        await server.serve_forever()


def run(listen, target, faults):
    asyncio.run(serve(listen, target, faults))
