#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2317,SC2086,SC2154,SC2034  # called by name; addresses are one word; guest.sh
# Many sockets, both ways, while everything breaks: rds-chaos judges, rds-disturb breaks, on both hosts. They are
# namespaces of one machine, or two guests.
#
#   +----- a ------+          +----- b ------+
#   | 10.80.0.1    |          | 10.80.0.2    |     a connects
#   | 10.81.0.2    |---eth0---| 10.81.0.1    |     b connects
#   | fd80::1      |          | fd80::2      |
#   +--------------+          +--------------+
#
#   SEED, MESSAGES, RESETS    at least so many of both
#   REPORT=everything         one case only, of which nothing is expected: its figures are printed; or REPORT=resets
. /vm/guest.sh
if [ -n "${PEER:-}" ]; then hosts_are_guests; else hosts_are_namespaces; fi
seed=${SEED:-1} messages=${MESSAGES:-$(n 100000)} resets=${RESETS:-$(n 500)}
limit=$((120 * ${SCALE:-1})) report=${REPORT:+--report}
[ -z "$report" ] || limit=30
sockets=16 per_flow=20
# a debug kernel needs fifty times as long
! slow || sockets=8 per_flow=6 messages=${MESSAGES:-3000}
echo "# seed $seed"
guests() { [ -n "${PEER:-}" ]; }

# ------------------------------------------------------------------ hosts

networks="10.80.0.1/24,10.80.0.2/24 10.81.0.2/24,10.81.0.1/24 fd80::1/64,fd80::2/64
	10.82.0.1/24,10.82.0.2/24 10.83.0.2/24,10.83.0.1/24 fd81::2/64,fd81::1/64"
! slow || networks="10.80.0.1/24,10.80.0.2/24 10.81.0.2/24,10.81.0.1/24 fd80::1/64,fd80::2/64"

addresses_of() { # HOST
	for pair in $networks; do
		if [ $1 = a ]; then echo ${pair%,*}; else echo ${pair#*,}; fi
	done
}

pairs_of() { # HOST
	for pair in $networks; do
		small=${pair%,*} large=${pair#*,}
		if [ $1 = a ]; then echo "--pair ${small%/*},${large%/*}"; else echo "--pair ${large%/*},${small%/*}"; fi
	done
}

# Addresses survive a link that goes down. A neighbour that was learnt from a corrupted packet is not believed for long.
dress() { # HOST
	commands=
	for address in $(addresses_of $1); do
		case $address in
		*:*) commands="$commands ip addr add $address dev eth0 nodad;" ;;
		*) commands="$commands ip addr add $address dev eth0;" ;;
		esac
	done
	neighbours="base_reachable_time_ms 1000 delay_first_probe_time 1"
	for family in ipv4 ipv6; do
		set -- $1 $neighbours
		commands="$commands echo $3 > $family/neigh/eth0/$2; echo $5 > $family/neigh/eth0/$4;"
	done
	# one line: it may go to the other guest
	on $1 "cd /proc/sys/net; echo 1 > ipv6/conf/eth0/keep_addr_on_down; $commands"
}

# a namespace b that nobody knows, and a cable to it that waits for the last plug: ip -n a link set eth0 up
another_b() {
	ip netns add b
	ip link add eth0 netns a type veth peer name eth0 netns b
	ip -n b link set lo up
	ip -n b link set eth0 up
	for host in a b; do dress $host; done
}

# ------------------------------------------------------------------ jobs

# What outlives the command that starts it. What NAME on HOST has said is in /tmp/log.NAME.HOST there.
launch() { # NAME HOST COMMAND
	on $2 "rm -f /tmp/pid.$1.$2; (echo 'echo \$\$ > /tmp/pid.$1.$2; exec $3' | sh; echo status=\$?) > /tmp/log.$1.$2 2>&1 < /dev/null &"
}

look() { # NAME HOST PATTERN
	if guests && [ $2 = b ]; then
		on b "grep -E '$3' /tmp/log.$1.b"
	else
		grep -E "$3" /tmp/log.$1.$2
	fi
}

# Not as often as await looks: the guest has better things to do. Fails when the job has ended otherwise.
hear() { # SECONDS NAME HOST PATTERN
	tick
	until=$((now + $1 * 100))
	until look $2 $3 "$4"; do
		tick
		if [ $now -ge $until ] || { look $2 $3 '^status=' && ! look $2 $3 "$4"; }; then
			echo "$2 on $3 did not say: $4"
			on $3 "tail -n 20 /tmp/log.$2.$3; rds-info -n -T -s -t | head -n 60" || true
			return 1
		fi
		usleep 200000
	done
}

signal() { # HOST SIGNAL NAME
	await 20 on $1 "[ -s /tmp/pid.$3.$1 ]" && on $1 "read -r pid < /tmp/pid.$3.$1 && kill -$2 \$pid"
}

# ------------------------------------------------------------------ traffic

# what goes on from scenario to scenario, each of which is a shell of its own
recall() { read -r next_round carried killed < /tmp/sums; }
remember() { echo "$next_round $carried $killed" > /tmp/sums; }
echo 0 0 0 > /tmp/sums

enter() { # HOST
	pairs=$(pairs_of $1 | tr '\n' ' ')
	launch chaos $1 "rds-chaos $pairs --sockets $sockets --count $per_flow --seed $seed --first-round $next_round \
--timeout $limit $report"
	hear 120 chaos $1 '^ready'
}

# all that was sent has arrived and is acknowledged; nothing more comes
queue_is_empty() { on $1 "rds-info -s -t" | fails grep -qE '^ *(10|fd)'; }
leave_calmly() { # HOST...
	for host; do await 120 queue_is_empty $host; done
	for host; do signal $host TERM chaos; done
	for host; do
		hear 60 chaos $host '^status='
		look chaos $host '^result ok'
	done
}

field() { sed "s/.* $1=\([0-9]*\).*/\1/"; }

break_everything() { # [OPTIONS]
	for host in a b; do
		own=
		for address in $(addresses_of $host); do own="$own --address $address"; done
		launch disturb $host "rds-disturb --device eth0 --seed $((seed + next_round)) $own ${1:-}"
	done
}

repair() {
	for host in a b; do signal $host TERM disturb; done
	for host in a b; do
		hear 60 disturb $host '^status='
		look disturb $host '^status=0'
		killed=$((killed + $(look disturb $host '^disturbed' | field resets)))
	done
}

round_size=$((2 * $(echo $networks | wc -w) * sockets * 4 * per_flow))
begin() { # HOST...
	for host; do signal $host USR1 chaos; done
	for host; do hear 60 chaos $host "^begun $next_round\$"; done
}
end() {
	for host in a b; do hear $((limit * 4)) chaos $host "^complete $next_round "; done
	next_round=$((next_round + 1))
	carried=$((carried + round_size))
}

storm() { # ROUNDS [OPTIONS of rds-disturb]
	break_everything "${2:-}"
	begin a b
	for _ in $(seq 2 $1); do
		next_round=$((next_round + 1)) carried=$((carried + round_size))
		begin a b
	done
	end
	repair
	remember
}
resets_only="--gentle --pause 150"

# ------------------------------------------------------------------ cases

# 1. All of it.
everything() {
	recall
	for host in a b; do enter $host; done
	storm 1
}

# 2. b forgets everything: it is another namespace with the same addresses. a does not, and has sent to it before
# its sockets are bound: what nobody has acknowledged arrives in b's next life.
something_waits() { on a "rds-info -s" | grep -qE '^ *(10|fd)'; }
b_begins_anew() {
	recall
	for host in a b; do await 120 queue_is_empty $host; done
	leave_calmly b
	ip netns del b
	await 60 fails ip -n a link show eth0
	begin a
	await 60 something_waits
	another_b
	enter b
	ip -n a link set eth0 up
	break_everything
	begin b
	end
	repair
	remember
}

# 3. Both hosts do. And only connections break, but often.
both_begin_anew() {
	recall
	leave_calmly a b
	unload_all
	for module in rds rds_loop rds_tcp; do insert $module; done
	for host in a b; do enter $host; done
	while [ $carried -lt $messages ]; do
		storm $(((messages - carried + round_size - 1) / round_size)) "$resets_only"
	done
	# should it have been over too soon
	while [ $killed -lt $resets ]; do storm 1 "$resets_only"; done
	leave_calmly a b
}

# 4. Under full traffic, again and again: connections are reset, buffers change, b goes with all of its own, then the
# modules.
received() { rds-info -c | awk '$1 == "recv_queued" { print $2 }'; }
moves() { [ "$(received)" -gt $1 ]; }
dies() {
	recall
	# fewer sockets, and more messages than can be sent
	sockets=6 per_flow=100000 times=1
	! slow || times=2
	for _ in $(seq $times); do
		for host in a b; do enter $host; done
		break_everything "$resets_only"
		before=$(received)
		begin a b
		await 300 moves $((before + 1000))
		signal b KILL chaos
		signal b KILL disturb
		ip netns del b
		await 120 fails ip -n a link show eth0
		signal a KILL chaos
		signal a TERM disturb || true
		unload_all
		for module in rds rds_loop rds_tcp; do insert $module; done
		another_b
		ip -n a link set eth0 up
		next_round=$((next_round + 1))
		remember
	done
}

# For comparison with the kernel's own modules, on one host or on both.
figures() { # ROUNDS [OPTIONS of rds-disturb]
	recall
	for host in a b; do enter $host; done
	break_everything "${2:-}"
	begin a b
	for _ in $(seq 2 $1); do
		next_round=$((next_round + 1))
		begin a b
	done
	for host in a b; do hear 1200 chaos $host "^(complete $next_round|result) "; done
	repair
	for host in a b; do
		look chaos $host '^result' || signal $host TERM chaos
		hear 60 chaos $host '^result'
	done
	for host in a b; do look chaos $host '^result'; done > /tmp/results
	echo "$killed resets" > /tmp/figures
	awk -F '[ =]' '{ for (i = 3; i < NF; i += 2) sum[$i] += $(i + 1) }
		END { print sum["sent"], "sent,", sum["sent"] - sum["received"] + sum["duplicate"], "lost,", sum["duplicate"], "duplicate,",
			sum["reordered"], "reordered,", sum["corrupt"], "corrupt,", sum["length"], "out of place,",
			sum["unsent"], "never taken" }' /tmp/results >> /tmp/figures
}

for host in a b; do dress $host; done
if [ -n "$report" ]; then
	case $REPORT in
	everything) scenario "figures, everything breaks" figures 1 ;;
	*) scenario "figures, connections are reset" figures 2 "$resets_only" ;;
	esac
	sed "s/^/# figures $REPORT: /" /tmp/figures
	! guests || leave
	all_done
fi
scenario "everything breaks, all messages arrive once and in order" everything
scenario "b begins anew, a goes on" b_begins_anew
scenario "the modules are loaded again" both_begin_anew
scenario "a host goes under full traffic, and then the modules" dies
recall
echo "# $carried messages, $killed resets"
for host in $hosts; do ip netns del $host; done
scenario "all modules unload, nothing is left" unload_all
all_done
