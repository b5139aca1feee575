#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2317,SC2086,SC2154,SC2034  # called by name; addresses are one word; guest.sh
# A machine on which this tree was installed beside the kernel's own RDS: which modules load, and which refuse which.
#
#   /lib/modules/RELEASE/updates/              ours
#   /lib/modules/RELEASE/kernel/net/rds/       stock
#   /vm/other/                                 ours, of another build
. /vm/guest.sh
on() { sh -c "$2"; }
ours=$modules/updates stock=$modules/kernel/net/rds other=/vm/other
ip addr add 10.9.9.1/32 dev lo

is_ours() { [ "$(cat "/sys/module/$1/version")" = "$VERSION" ]; }
from() { echo "$1/$2".ko*; }

# refused FOLDER MODULE TEXT: insmod fails, says TEXT, and nothing stays behind
refused() {
	fails insmod "$(from "$1" "$2")" > /tmp/refusal 2>&1
	cat /tmp/refusal
	grep -qiE "$3" /tmp/refusal
	fails loaded "$2"
}

traffic() {
	transfer a 10.9.9.1 a 10.9.9.1 "" "--count 100 --quiet"
	transfer a 127.0.0.1 a 127.0.0.1 "" "--count 100 --quiet"
}

# 0. A user's socket does not load anything, until the administrator says so: the example's job.
by_socket() {
	fails loaded rds
	fails as_user "rds-info -k" 2> /tmp/said
	grep 'modprobe rds_tcp' /tmp/said
	fails loaded rds
	mkdir -p /etc/modprobe.d
	cp /vm/rds-autoload.conf /etc/modprobe.d/
	as_user "rds-info -k"
	is_ours rds
	fails loaded rds_tcp
	rmmod rds_loop rds
	# its other line
	sed 's/^alias/#&/; s/^#\(alias net-pf-21 rds_tcp\)/\1/' /vm/rds-autoload.conf > /etc/modprobe.d/rds-autoload.conf
	as_user "rds-info -k"
	loaded rds_tcp
	rm /etc/modprobe.d/rds-autoload.conf
	rmmod rds_tcp rds_loop rds
}
as_user() { su -s /bin/sh nobody -c "$1"; }

# 1. modprobe finds ours, and with it the loopback.
by_name() {
	modprobe rds
	is_ours rds
	is_ours rds_loop
	[ -z "$(ls /sys/module/rds_loop/holders)" ]
}

# 2. A program that wants TCP or InfiniBand gets ours.
by_option() {
	fails loaded rds_tcp
	rds-preset --transport 2
	is_ours rds_tcp
	fails loaded rds_rdma
	rds-preset --transport 0
	is_ours rds_rdma
}

# 3. On our core: neither the kernel's transports nor those of another build.
ours_refuses() {
	rmmod rds_tcp rds_rdma
	refused $stock rds_tcp 'Unknown symbol|Invalid|could not insert'
	modprobe rdma_cm
	refused $stock rds_rdma 'Unknown symbol|Invalid|could not insert'
	refused $other rds_tcp 'Invalid module format|Exec format'
	refused $other rds_rdma 'Invalid module format|Exec format'
	rmmod rds_loop
	refused $other rds_loop 'Invalid module format|Exec format'
	insmod "$(from $ours rds_loop)"
	insmod "$(from $ours rds_tcp)"
	traffic
}

# 4. On the kernel's core: not ours.
stock_refuses() {
	insmod "$(from $stock rds)"
	refused $ours rds_loop 'Unknown symbol|Invalid|could not insert'
	refused $ours rds_tcp 'Unknown symbol|Invalid|could not insert'
	refused $ours rds_rdma 'Unknown symbol|Invalid|could not insert'
	insmod "$(from $stock rds_tcp)"
	traffic
}

scenario "a socket loads rds only with the modprobe.d file" by_socket
scenario "modprobe rds loads ours, with the loopback" by_name
scenario "SO_RDS_TRANSPORT loads our rds_tcp and rds_rdma" by_option
scenario "traffic" traffic
scenario "our core refuses foreign transports" ours_refuses
scenario "all modules unload" unload_all
scenario "the kernel's core refuses our transports" stock_refuses
scenario "all modules unload again" unload_all
scenario "and ours again" by_name
scenario "all modules unload at last" unload_all
all_done
