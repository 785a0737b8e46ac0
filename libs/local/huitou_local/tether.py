"""Become another program that dies with its parent and, where asked, is not root.

`python -I -S tether.py SIGNAL PARENT OWNED COMMAND ARGUMENT...`: SIGNAL comes when the process PARENT ends;
OWNED is the folder of a program that refuses to be root (PostgreSQL), or empty. It is a program of its own,
because a new user namespace forgets the parent's death signal, so that it can only be asked for afterwards.
"""

import ctypes
import os
import pwd
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CLONE_NEWUSER = 0x10000000
CAPABILITY_VERSION = 0x20080522
DAC_OVERRIDE = 1

libc = ctypes.CDLL(None, use_errno=True)


def main(signal: str, parent: str, owned: str, *command: str) -> None:
    if owned and os.geteuid() == 0:
        leave_root(Path(owned))
    call(libc.prctl, PR_SET_PDEATHSIG, int(signal), 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit("the parent is gone")
    os.execv(command[0], command)  # noqa: S606


def leave_root(owned: Path) -> None:
    """A namespace in which root has another number; an unprivileged user where namespaces are refused."""
    nobody = pwd.getpwnam("nobody")
    if namespace_allowed(nobody):
        give(owned, os.geteuid(), os.getegid())
        enter_namespace(nobody)
    else:
        give(owned, nobody.pw_uid, nobody.pw_gid)
        become(nobody)


def namespace_allowed(nobody: pwd.struct_passwd) -> bool:
    # Tried in a child: a process that is half-way into a namespace can't come back.
    child = os.fork()
    if child == 0:
        try:
            enter_namespace(nobody)
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def enter_namespace(nobody: pwd.struct_passwd) -> None:
    user, group = os.geteuid(), os.getegid()
    call(libc.unshare, CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{nobody.pw_uid} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{nobody.pw_gid} {group} 1")


def become(nobody: pwd.struct_passwd) -> None:
    """The unprivileged user, who may still go through folders that only root may enter."""
    call(libc.prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(nobody.pw_gid, nobody.pw_gid, nobody.pw_gid)
    os.setresuid(nobody.pw_uid, nobody.pw_uid, nobody.pw_uid)
    bit = 1 << DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    effective_permitted_inheritable = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    call(libc.capset, header, effective_permitted_inheritable)
    call(libc.prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, DAC_OVERRIDE, 0, 0)


def give(folder: Path, user: int, group: int) -> None:
    if folder.stat().st_uid == user:
        return
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, user, group, follow_symlinks=False)


def call(function: "ctypes._NamedFuncPointer", *arguments: object) -> None:
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function.__name__}: {os.strerror(number)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
