# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2317,SC2086,SC2154,SC2034  # called by name; addresses are one word; guest.sh
# For the guest scripts beside it, which run as root in a guest that scripts/vm booted: test cases, waiting for events,
# background jobs, two hosts "a" and "b", verified transfers between them. Sourced by /bin/sh (dash).
#
# Hosts are network namespaces (hosts_are_namespaces) or the two guests of a pair (hosts_are_guests): a is this one, b
# the one that runs agent.sh. "on HOST COMMAND" takes one string for a shell, so both look alike.
modules=/lib/modules/$(uname -r)
count=0 failed=0
echo 20000 > /tmp/ports

# ------------------------------------------------------------------ cases

# scenario NAME FUNCTION [ARG...]: one case; it fails when any command of the function does
scenario() {
	name=$1
	shift
	count=$((count + 1))
	tick && started=$now
	touch /tmp/began
	# as the condition of an if, -e would not hold in it
	(set -e; "$@") > /tmp/case 2>&1
	status=$?
	if [ $status = 0 ]; then
		tick
		echo "ok $count - $name ($((now - started))0 ms)"
		sed -n 's/^memory/# &/p' /tmp/case
		return
	fi
	failed=$((failed + 1))
	echo "not ok $count - $name"
	{
		tail -n 40 /tmp/case
		find /tmp -name '*.out' -newer /tmp/began -exec tail -n 3 {} +
		dmesg | tail -n 8
	} | sed 's/^/# /'
}

all_done() {
	echo "1..$count"
	[ "$failed" = 0 ]
	exit
}

# n COUNT: fewer of them on slow kernels
n() { echo $((($1 + ${SCALE:-1} - 1) / ${SCALE:-1})); }
slow() { [ "${SCALE:-1}" -gt 1 ]; }

fails() {
	if "$@"; then
		echo "this should have failed: $*"
		return 1
	fi
}

# refused COMMAND...: exit status 1, nothing on stdout; what it said is in /tmp/said
refused() {
	status=0
	"$@" > /tmp/out 2> /tmp/said || status=$?
	cat /tmp/out /tmp/said
	[ $status = 1 ] && [ ! -s /tmp/out ]
}

# ------------------------------------------------------------------ events

# now: hundredths of a second since boot. Without a process of its own: on a debug kernel each costs 0.1 s.
tick() {
	read -r uptime _ < /proc/uptime
	# what begins with a 0 would be octal, and 092 is not
	now=$((${uptime%.*} * 100 + 1${uptime#*.} - 100))
}

# await SECONDS COMMAND...: until the command succeeds; where all is slower they are longer
await() {
	tick
	limit=$((now + $1 * 100 * ${SCALE:-1}))
	shift
	until "$@" > /dev/null 2>&1; do
		tick
		if [ "$now" -ge "$limit" ]; then
			echo "waited in vain for: $*"
			"$@" || true
			return 1
		fi
		usleep 20000
	done
}

free_kb() {
	while read -r key value _; do
		[ "$key" != MemAvailable: ] || break
	done < /proc/meminfo
	echo "$value"
}

# weigh: what held and peak measure from, when nothing comes back any more
weigh() {
	# free pages that are kept for a CPU do not count as available, and newer kernels keep very many; and no log line
	# for each look
	echo 100000 > /proc/sys/vm/percpu_pagelist_high_fraction
	echo 4 > /proc/sys/vm/drop_caches
	echo 3 > /proc/sys/vm/drop_caches
	weight=0 fresh=$(free_kb)
	while [ "$fresh" -gt $((weight + 256)) ]; do
		weight=$fresh
		usleep 200000
		fresh=$(free_kb)
	done
}

# held LEAST MOST: so many kB have come into use, while somebody holds them: LEAST shows that he does, if it
# is not 0. A debug kernel needs more for everything, and keeps what was freed.
held() {
	echo 3 > /proc/sys/vm/drop_caches
	used=$((weight - $(free_kb)))
	echo "memory held: $used kB, of $1 to $2"
	[ "$1" = 0 ] || [ "$used" -ge "$1" ]
	slow || [ "$used" -le "$2" ]
}

# peak NAME MOST: until the job has ended, never more than so many kB came into use
peak() {
	most=0
	until ended "$1"; do
		used=$((weight - $(free_kb)))
		[ "$used" -le "$most" ] || most=$used
		usleep 10000
	done
	echo "memory at most: $most kB, of $2"
	slow || [ "$most" -le "$2" ]
}

# within KB COMMAND...: memory comes back afterwards, but for so much
within() {
	weigh
	floor=$((weight - $1))
	shift
	# no "||" here: -e would not hold in the command
	"$@"
	await 30 free_again "$floor"
}

free_again() {
	echo 3 > /proc/sys/vm/drop_caches
	[ "$(free_kb)" -ge "$1" ]
}

# the same in two shells
weighed() { weigh && echo "$weight" > /tmp/weight; }
lighter() { await 10 free_again $(($(cat /tmp/weight) - 4096)); }

# ------------------------------------------------------------------ background jobs

# start NAME HOST COMMAND: its output is in /tmp/NAME.out. An older job of that name may still be on its way out: the
# status is that of this one, in a file of its own.
start() {
	rm -f "/tmp/$1.out" "/tmp/$1.rc"
	touch "/tmp/$1.out"
	verdict=$(mktemp /tmp/status.XXXXXX)
	echo "$verdict" > "/tmp/$1.rc"
	(
		status=0
		on "$2" "$3" > "/tmp/$1.out" 2>&1 || status=$?
		echo $status > "$verdict"
	) &
}

ended() { read -r verdict < "/tmp/$1.rc" && [ -s "$verdict" ]; }

# finish NAME [SECONDS]: waits for it, shows what it said, returns its status
finish() {
	await "${2:-60}" ended "$1" || return 1
	cat "/tmp/$1.out"
	return "$(cat "$verdict")"
}

# ------------------------------------------------------------------ hosts

# both ends of a cable in one guest, IPv4 and IPv6; b's addresses are the larger ones
hosts_are_namespaces() {
	on() { nsenter --net="/run/netns/$1" /bin/sh -c "$2"; }
	A4=10.0.0.1 B4=10.0.0.2 A6="[fd00::1]" B6="[fd00::2]"
	hosts="a b"
	ip netns add a
	ip netns add b
	ip link add eth0 netns a type veth peer name eth0 netns b
	for host in a b; do
		ip -n $host link set lo up
		ip -n $host link set eth0 up
	done
	ip -n a addr add $A4/24 dev eth0
	ip -n b addr add $B4/24 dev eth0
	ip -n a addr add fd00::1/64 dev eth0 nodad
	ip -n b addr add fd00::2/64 dev eth0 nodad
}

# addresses nobody had before: $small (in a) and $large (in b)
echo 1 > /tmp/fresh
fresh_pair() {
	read -r fresh < /tmp/fresh
	echo $((fresh + 1)) > /tmp/fresh
	small=10.0.1.$fresh large=10.0.2.$fresh
	ip -n a addr add $small/16 dev eth0
	ip -n b addr add $large/16 dev eth0
}

hosts_are_guests() {
	on() {
		if [ "$1" = a ]; then
			sh -c "$2"
			return
		fi
		# the last line that comes back is the status
		echo "$2" | timeout "${limit_on:-$((100 * ${SCALE:-1}))}" nc "$PEER" 9000 | {
			status=
			while IFS= read -r line; do
				case $line in
				@@rc=*) status=${line#@@rc=} ;;
				*) echo "$line" ;;
				esac
			done
			return "${status:-255}"
		}
	}
	A4=10.77.0.$GUEST B4=$PEER A6="[fd77::$GUEST]" B6="[$PEER6]"
	hosts="a b"
	await 60 on b true
}

# The second guest starts anew, with nothing but what its init does (scripts/vm --peer-reboots). Who asks while it goes gets
# no answer.
b_reboots() {
	which=/proc/sys/kernel/random/boot_id
	on b "test -e /proc/sysrq-trigger"
	life=$(on b "cat $which")
	await 100 b_is_new
}
# Half an answer is none. Nor need the order arrive where all is slow: it is given, to that life, until it is followed.
b_is_new() {
	answer=$(limit_on=$((3 * ${SCALE:-1})) && on b \
		"cat $which; [ \$(cat $which) != $life ] || setsid /vm/reboot \$PPID > /dev/null 2>&1 &") || return 1
	[ -n "$answer" ] && [ "$answer" != "$life" ]
}
# ends the other guest
leave() { on b "touch /tmp/leave"; }

# the command's own addresses have no brackets
bare() { echo "$1" | tr -d '[]'; }

# ------------------------------------------------------------------ traffic

# ports nobody had before: $port
next_port() {
	read -r port < /tmp/ports
	echo $((port + 16)) > /tmp/ports
}

# begin FROM ADDRESS TO ADDRESS [RECV_OPTIONS [SEND_OPTIONS]]: jobs recv and send run
begin() {
	next_port
	job=${JOB:-}
	start "recv$job" "$3" "rds-xfer recv --bind $4:$port --quiet $5"
	await 20 grep -q '^ready' "/tmp/recv$job.out" || return 1
	start "send$job" "$1" "rds-xfer send --bind $2:$((port + 8)) --to $4:$port --every 100 $6"
}

# conclude: all of it arrived once, in order, with every byte; the two sides have compared their SHA-256
conclude() {
	job=${JOB:-}
	finish "send$job" && finish "recv$job" 30 && grep -q '^result recv ok.* sha256' "/tmp/recv$job.out"
}

# moving N: N messages of the transfer were sent, and it still runs
moving() {
	! ended "send${JOB:-}" &&
		[ "$(grep -o 'messages=[0-9]*' "/tmp/send${JOB:-}.out" | tail -n 1 | cut -d= -f2)" -ge "$1" ]
}

transfer() {
	begin "$1" "$2" "$3" "$4" "${5:-}" "${6:---quiet}" && conclude
}

# answered HOST ADDRESS PEER: three pings, three answers
answered() {
	for _ in 1 2 3; do
		on "$1" "rds-ping -c 1 -i 5 -I $(bare "$2") $(bare "$3")" || return 1
	done
}

# ------------------------------------------------------------------ modules

insert() { insmod "$modules/$1.ko"; }
loaded() { grep -q "^$1 " /proc/modules; }
no_sockets() { [ "$(awk '$1 == "RDS" { print $3 }' /proc/net/protocols)" = 0 ]; }

# everything that was made has been destroyed: sockets, references, modules, threads, devices of dead namespaces
unload_all() {
	await 10 no_sockets
	for module in rds_rdma rds_tcp rds_loop rds; do
		loaded $module || continue
		await 10 rmmod $module
	done
	fails grep -q '^RDS ' /proc/net/protocols
	fails grep -qE '^rds' /proc/modules
	# a process's name in brackets is that of a kernel thread
	fails sh -c "ps | grep -E '\\[.*rds.*\\]' | grep -v grep"
	fails sh -c "dmesg | grep -E 'were never freed|unregister_netdevice'"
}
