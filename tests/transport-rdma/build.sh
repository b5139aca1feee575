#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Builds the transport against the tree's own modules of one kernel, for tests/*/rdma.test; prints where it is.
#
#   tests/transport-rdma/build.sh KERNEL     debug, 6.1, 6.12, or as scripts/test-kernel calls it
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
arch=x86_64
kit=$1
[ "$kit" != debug ] || kit=qemu-6.1
case $kit in
uml-*) arch=um ;&
qemu-*)
	kdir=$("$top/scripts/test-kernel" "$kit" | tail -n 1)/build
	release=$("$top/scripts/kernels-installed" -c "$kdir")
	;;
*) read -r release kdir < <("$top/scripts/kernels-installed" | grep -F "$1.") ;;
esac
built=$top/build/$release
log=$built/test-rdma.log
make -s -C "$top/tests/transport-rdma" KDIR="$kdir" ARCH="$arch" OUT="$built/test-rdma" RDS_INCLUDE="$top/include" \
	RDS_SYMVERS="$built/Module.symvers" RDS_GENERATED="$built/obj/generated" > "$log" 2>&1 || { cat "$log" >&2; exit 1; }
echo "$built/test-rdma/rds_test_rdma.ko"
