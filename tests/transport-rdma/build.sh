#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Builds the transport against the tree's own modules of one kernel, for tests/*/rdma.test; prints where it is.
#
#   tests/transport-rdma/build.sh [debug | 6.1 | 6.12]
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
if [ "$1" = debug ]; then
	kdir=$("$top/scripts/test-kernel" qemu-6.1 | tail -n 1)/build
	release=$("$top/scripts/kernels-installed" -c "$kdir")
else
	read -r release kdir < <("$top/scripts/kernels-installed" | grep -F "$1.")
fi
built=$top/build/$release
log=$built/test-rdma.log
make -s -C "$top/tests/transport-rdma" KDIR="$kdir" ARCH=x86_64 OUT="$built/test-rdma" RDS_INCLUDE="$top/include" \
	RDS_SYMVERS="$built/Module.symvers" RDS_GENERATED="$built/obj/generated" > "$log" 2>&1 || { cat "$log" >&2; exit 1; }
echo "$built/test-rdma/rds_test_rdma.ko"
