// SPDX-License-Identifier: GPL-2.0
// Must not compile: adding in network order. Run by scripts/check.
// expect: no match for .operator\+
#include "kernel/endian.h"

kernel::be64 next(kernel::be64 sequence)
{
	return sequence + kernel::be64(1);
}
