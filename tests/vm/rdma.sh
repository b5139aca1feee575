#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2317,SC2086,SC2154  # called by name; addresses are one word; guest.sh
# RDMA against the transport of tests/transport-rdma (10.96.0.0/16, in the place of the InfiniBand one), beside rds_tcp.
. /vm/guest.sh
T4=10.9.9.1
rows=/tmp/rows

# rdma OPTIONS: each row of rds-rdma is a case
rdma() {
	rds-rdma $1 > $rows 2>&1
	status=$?
	sed -E 's/^((not )?ok) [0-9]+ - /\1 0 - rds-rdma: /; s/^1\.\./# rows: /' $rows
	scenario "rds-rdma $1 comes to its end" grep -q '^1\.\.[0-9]' $rows
	[ $status = 0 ] || failed=1
}

# what the transport held has come back, and so says the core
gone() {
	await 10 rmmod rds_test_rdma
	fails sh -c "dmesg | grep 'were never freed'"
}

# a file whose pages cannot be pinned, where there is persistent memory: rdma.test gives the file system
dax=
if [ -b /dev/pmem0 ]; then
	dd if=/vm/pmem.img of=/dev/pmem0 bs=64k 2> /dev/null
	mkdir -p /mnt
	mount -t ext4 -o dax /dev/pmem0 /mnt && dax="--dax /mnt/file"
	scenario "there is a file system on persistent memory" [ -n "$dax" ]
fi

insert rds
insert rds_loop
insert rds_tcp
insmod /vm/rds_test_rdma.ko
ip link add v0 type veth peer name v1
ip link set v0 up
ip link set v1 up
ip addr add $T4/24 dev v0
rdma "--tcp $T4 --rounds $(n 400) $dax"
scenario "the transport unloads, nothing is left" gone
insmod /vm/rds_test_rdma.ko plain=1
rdma "--plain $dax"
scenario "without get_mr_ex: the transport unloads" gone
ip link del v0
scenario "all modules unload, nothing is left" unload_all
all_done
