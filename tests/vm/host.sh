# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034  # used by those who source it
# For tests/vm/*.test and tests/smp/*.test, which boot guests with scripts/vm and leave the cases to a guest script
# beside them. Sourced; no locks. What the guests print is TAP: "ok N - LABEL: what was shown".
#
#   KERNELS="6.1" MODULES=DIR tests/vm/loop.test     not META's oldest and newest; other modules (none: the kernel's own)
#   PAIRS="6.1+6.1" tests/vm/two-guests.test         kernels of two machines
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
modules=${MODULES:-$top/build}
oldest=$(sed -n 's/^Kernel-Min: *//p' "$top/META") newest=$(sed -n 's/^Kernel-Max: *//p' "$top/META")
read -ra kernels <<< "${KERNELS:-$oldest $newest}"
read -ra pairs <<< "${PAIRS:-$oldest+$newest $newest+$oldest}"
failed=0

for program in tests/rds-xfer tests/rds-echo tests/rds-hostile tools/rds-info tools/rds-ping; do
	[ -x "$top/build/$program" ] || { echo "$program is not built: make all programs" >&2; exit 2; }
	programs+=(--file "$top/build/$program")
done

# guest LABEL [option of scripts/vm...] SCRIPT [ARG...]
guest() {
	local label=$1 status
	shift
	"$top/scripts/vm" --tool ip,ss,tc --file "$here/guest.sh:vm/guest.sh" "${programs[@]}" "$@" 2>&1 |
		sed -uE "s/^(\[[12]\] )?((not )?ok [0-9]+ - )/\1\2$label: /"
	status=${PIPESTATUS[0]}
	case $status in
	0) return ;;
	124) echo "not ok - $label: ends in time" ;;
	125) echo "not ok - $label: the guest lives" ;;
	126) echo "not ok - $label: the kernel log is clean" ;;
	esac
	failed=1
}
