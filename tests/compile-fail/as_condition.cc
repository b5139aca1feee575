// SPDX-License-Identifier: GPL-2.0
// Must not compile: a big-endian integer as a truth value. Run by scripts/check.
// expect: could not convert .* to .bool.
#include "kernel/endian.h"

bool is_set(kernel::be32 field)
{
	if (field)
		return true;
	return false;
}
