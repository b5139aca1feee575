// SPDX-License-Identifier: GPL-2.0
// Must not compile: bit operations in network order. Run by scripts/check.
// expect: no match for .operator&
#include "kernel/endian.h"

kernel::be32 low(kernel::be32 field)
{
	return field & kernel::be32(0xff);
}
