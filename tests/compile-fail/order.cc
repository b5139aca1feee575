// SPDX-License-Identifier: GPL-2.0
// Must not compile: comparing the size of numbers in network order. Run by scripts/check.
// expect: no match for .operator<
#include "kernel/endian.h"

bool before(kernel::be64 a, kernel::be64 b)
{
	return a < b;
}
