"""Starts PostgreSQL in a process that may make no namespaces, as in a container, and prints the answer to SELECT 1."""

import asyncio
import ctypes
import errno
import os
import struct
import sys
from pathlib import Path

import asyncpg

from huitou_local.postgres import EmbeddedPostgres

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER = 38, 22, 2
UNSHARE = {"x86_64": 272, "aarch64": 97}
LOAD_NUMBER = struct.pack("HBBI", 0x20, 0, 0, 0)
ALLOW = struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000)
REFUSE = struct.pack("HBBI", 0x06, 0, 0, 0x00050000 | errno.EPERM)


class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))


def refuse_namespaces() -> None:
    jump_over_refusal = struct.pack("HBBI", 0x15, 0, 1, UNSHARE[os.uname().machine])
    code = ctypes.create_string_buffer(LOAD_NUMBER + jump_over_refusal + REFUSE + ALLOW)
    program = Program(4, ctypes.cast(code, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid():
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(PR_SET_SECCOMP, FILTER, ctypes.byref(program)) != 0:
        raise OSError(ctypes.get_errno(), "no filter")


async def main() -> None:
    async with EmbeddedPostgres(Path(sys.argv[1]), fast=True) as server:
        connection = await asyncpg.connect(server.url)
        sys.stdout.write(f"{await connection.fetchval('SELECT 1')}\n")
        await connection.close()


if __name__ == "__main__":
    refuse_namespaces()
    asyncio.run(main())
