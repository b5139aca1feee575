#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Prints the transcripts of rds-abi as root and (not on slow kernels) as an unprivileged user; "@ NAME" begins one, "@."
# ends it. What is as promised, tests/abi/compare says. UNLOAD=1: afterwards all modules go, and nothing is left.
. /vm/guest.sh

# the kernel's own is not there either
rm -f "$modules"/rds_rdma.ko

transcript() {
	echo "@ $1"
	shift
	"$@"
	[ $? -le 1 ] || exit 2
	echo "@."
}

transcript root rds-abi
slow || transcript user rds-abi --user
[ "${UNLOAD:-0}" = 0 ] || unload_all || exit 2
