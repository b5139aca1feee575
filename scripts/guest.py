# SPDX-License-Identifier: GPL-2.0
"""What scripts/vm and scripts/run-kunit share: finding debug kernels and programs for a guest, and reading a guest's
kernel log."""
import os
import re
import shutil
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# depmod and its like, also for who is not root
os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
CACHE = os.environ.get("RDS_CACHE") or os.path.expanduser("~/.cache/rds")


def meta(key):
    return re.search("^%s: *(.*)$" % key, open(TOP + "/META").read(), re.M).group(1)


# the series that are tested: the ends of the window
OLDEST, NEWEST = meta("Kernel-Min"), meta("Kernel-Max")

# a line of the kernel log that fails any run
COMPLAINT = re.compile(
    r"BUG: |WARNING: |KASAN: |UBSAN: |KCSAN: |kernel BUG at|Oops[: ]|general protection fault"
    r"|Kernel panic|Unable to handle|unreferenced object|INFO: task .* blocked|rcu: INFO"
    r"|possible (recursive|circular) locking|inconsistent lock state|Invalid wait context"
    r"|suspicious RCU usage|sleeping function called|scheduling while atomic"
    r"|Voluntary context switch within RCU|ODEBUG: |list_(add|del) corruption"
    r"|refcount_t: |Segfault with no mm|leaked (reference|.* users at)|soft lockup|were never freed")
# "[    1.234567] " and, with lockdep, "[  T12] "
STAMP = re.compile(r"^(\[ *\d+\.\d+\](\[ *[TC]\d+\])? )")


def plain(line):
    """A console line without its time stamp."""
    return STAMP.sub("", line.rstrip("\r\n"))


def find_kit(name):
    """The folder of a debug kernel, by its name (uml-6.12, built if need be) or the folder itself."""
    if os.path.isdir(name):
        return os.path.abspath(name)
    out = subprocess.run([TOP + "/scripts/test-kernel", name], stdout=subprocess.PIPE, text=True, check=True)
    return out.stdout.split("\n")[-2]


def kit_value(kit, pattern, file):
    match = re.search(pattern, open(os.path.join(kit, file)).read(), re.M)
    return match.group(1) if match else ""


def kit_release(kit):
    return kit_value(kit, r'UTS_RELEASE "(.*)"', "build/include/generated/utsrelease.h")


def kit_arch(kit):
    return kit_value(kit, r"^arch=(\w+)", "env")


def find_program(name):
    """A file of this machine: a path, or the name of an installed program."""
    path = name if "/" in name else shutil.which(name)
    if not path or not os.path.exists(path):
        raise FileNotFoundError("no program %s on this machine" % name)
    return path


def libraries(path):
    """Shared libraries (and the loader) that a program needs, by the path it asks for."""
    if open(path, "rb").read(4) != b"\x7fELF":
        return []
    out = subprocess.run(["ldd", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return re.findall(r"(?:=>\s+)?(/\S+)\s+\(0x", out)


def busybox():
    """The static busybox and the names of its applets."""
    path = find_program("busybox")
    names = subprocess.run([path, "--list"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    return path, names
