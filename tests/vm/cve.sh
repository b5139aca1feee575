#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2317,SC2086,SC2154,SC2034  # called by name; options are words; guest.sh
# The known defects of RDS: what rds-cve says of each, or of those that are named: CASES, SKIP (names, with spaces).
#
#        +------------------ guest -------------------+
#        |  lo 127.0.0.0/8 ::1                        |
#        |  v0 10.9.9.1                               |--- v1 (10.9.9.9: nobody there)
#        +--------------------------------------------+
. /vm/guest.sh
ip link add v0 type veth peer name v1
ip link set v0 up
ip link set v1 up
ip addr add 10.9.9.1/24 dev v0
# a transport with RDMA for tests, if there is one
rdma=
[ ! -e /vm/rds_test_rdma.ko ] || { insmod /vm/rds_test_rdma.ko && rdma="--rdma 10.96.0.1"; }
skip=
for name in ${SKIP:-}; do skip="$skip --skip $name"; done
bad=0
rds-cve ${CASES:-all} --tcp 10.9.9.1 --far 10.9.9.9 $rdma --scale "${SCALE:-1}" ${COUNT:+--count $COUNT} $skip || bad=1
[ -n "${STAY:-}" ] && exit $bad
ip link del v0
[ -z "$rdma" ] || await 10 rmmod rds_test_rdma
count=$(rds-cve list | wc -l)
scenario "all modules unload, nothing is left" unload_all
exit $((bad + failed))
